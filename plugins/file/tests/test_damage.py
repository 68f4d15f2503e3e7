"""What is not as it was written is cut off when it was never finished, and otherwise kept, reported and refused."""

from __future__ import annotations

import asyncio
import random
import shutil
import time

import pytest

from holdall.contract import Scan, Span
from holdall.errors import Conflict, Damaged
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings
from holdall_file.folder import digest_of, log_name


def crashed(folder, to):
    """The folder as a killed process leaves it: its write-ahead log is there, and nobody has it locked."""
    shutil.copytree(folder, to)
    return to


async def test_a_torn_end_is_cut_off_kept_and_reported(open_store, tmp_path, log_of, filled):
    store = await open_store(durability="process")  # what was never acknowledged is in no write-ahead log
    await filled(store, "s", 10)
    await filled(store, "other", 3)
    whole = log_of(tmp_path / "store", "s").read_bytes()
    last = whole.rindex(b'\n{"crc"') + 1
    for n, keep in enumerate((last + 1, last + 30, len(whole) - 2, len(whole))):
        folder = crashed(tmp_path / "store", tmp_path / f"crashed{n}")
        log_of(folder, "s").write_bytes(whole[:keep] if keep < len(whole) else whole + b"\0" * 5000)
        again = await open_store(folder)
        found = await again.load("s", Span("messages/main"))
        assert len(found.records) == (10 if keep == len(whole) else 9)
        assert again.report().unclean
        assert again.report().torn == 1
        assert len(list((folder / "quarantine").iterdir())) == 1
        await again.commit(Step(found.head).append("messages/main", b"{}").build())
        assert len((await again.load("other", Span("messages/main"))).records) == 3


async def test_what_a_file_lost_is_written_again_from_the_write_ahead_log(open_store, tmp_path, log_of, filled):
    """A power cut keeps what was synced, and that is the write-ahead log: for a commit that came alone as well."""
    store = await open_store()
    await filled(store, "s", 10)
    whole = log_of(tmp_path / "store", "s").read_bytes()
    lines = [at + 1 for at in range(len(whole)) if whole.startswith(b'\n{"crc"', at)]
    for n, keep in enumerate((lines[-1], lines[-1] + 30, lines[4], lines[4] + 30, len(whole))):
        folder = crashed(tmp_path / "store", tmp_path / f"crashed{n}")
        log_of(folder, "s").write_bytes(whole[:keep])
        again = await open_store(folder)
        assert len((await again.load("s", Span("messages/main"))).records) == 10
        assert log_of(folder, "s").read_bytes() == whole
        assert (again.report().torn, again.report().damaged) == (0, 0)


async def test_several_lines_of_one_write_go_together(open_store, tmp_path, log_of):
    """Pages of one write reach the disk in any order: good lines behind a hole are not damage."""
    from holdall_file.lines import Line, compose  # noqa: PLC0415

    store = await open_store()
    commit = Step("s").append("session", b"{}").build()
    await store.commit(commit)
    folder = crashed(tmp_path / "store", tmp_path / "crashed")
    path = log_of(folder)
    start = path.stat().st_size
    first, parsed = compose(Line(commit=commit.version + 1, on=commit.version), start)
    second, _ = compose(Line(commit=commit.version + 2, on=commit.version + 1, group=start), parsed.end)
    path.write_bytes(path.read_bytes() + b"\0" * len(first) + second)
    again = await open_store(folder)
    assert (await again.load("s")).head == commit.onto(None)
    assert again.report().torn == 1
    assert again.report().damaged == 0


async def test_a_creation_that_was_never_finished_is_gone(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 1)
    for n, content in enumerate((b"", b'{"crc":"0', log_of(tmp_path / "store").read_bytes()[:150])):
        folder = crashed(tmp_path / "store", tmp_path / f"crashed{n}")
        path = folder / log_name(digest_of("new"))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        again = await open_store(folder)
        assert await again.load("new") is None
        await again.commit(Step("new").append("session", b"{}").build())


async def test_a_flipped_bit_in_a_record_costs_that_record(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 200)
    await filled(store, "other", 3)
    await store.close()
    path = log_of(tmp_path / "store", "s")
    data = bytearray(path.read_bytes())
    at = data.index(b'{"n":20}') + 5
    data[at] ^= 1
    path.write_bytes(data)
    store = await open_store()
    with pytest.raises(Damaged, match="messages/main/20 is damaged"):
        await store.load("s", Span("messages/main"))
    assert len((await store.load("s", Span("messages/main", 21))).records) == 179
    assert len((await store.load("s", Span("messages/main", 0, 20))).records) == 20
    head = (await store.load("s")).head
    await store.commit(Step(head).append("messages/main", b"{}").build())
    assert len((await store.load("other", Span("messages/main"))).records) == 3


async def test_a_line_in_the_middle_that_cannot_be_read(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 200)
    await store.close()
    path = log_of(tmp_path / "store", "s")
    data = bytearray(path.read_bytes())
    line = data.rindex(b'\n{"crc"', 0, data.index(b'{"n":50}')) + 1
    data[line + 60] ^= 1
    path.write_bytes(data)
    store = await open_store()
    with pytest.raises(Damaged, match="messages/main/50"):
        await store.load("s", Span("messages/main", 50, 51))
    assert len((await store.load("s", Span("messages/main", 51))).records) == 149
    assert len((await store.load("s", Span("messages/main", 0, 50))).records) == 50
    assert store.report().damaged >= 1
    assert list((tmp_path / "store" / "quarantine").iterdir())


async def test_a_last_line_that_cannot_be_read_hides_the_head(open_store, tmp_path, log_of, filled):
    """After a clean stop it was acknowledged: to show the state before it would be to lose it in silence."""
    store = await open_store()
    await filled(store, "s", 5)
    await filled(store, "other", 5)
    await store.close()
    path = log_of(tmp_path / "store", "s")
    data = bytearray(path.read_bytes())
    data[data.rindex(b'\n{"crc"') + 60] ^= 1
    path.write_bytes(data)
    store = await open_store()
    for _ in range(2):
        with pytest.raises(Damaged):
            await store.load("s")
    with pytest.raises(Damaged):
        await store.commit(Step("s").append("session", b"{}").build())
    assert [found.head.partition for found in await store.scan(Scan("recent"))] == ["other"]
    assert store.report().damaged == 1
    assert path.read_bytes() == data


@pytest.mark.req("SEC-INP-05")
@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x80\x04\x95K\x01.", b"{}\n", b'{"crc":"00000000","meta":2,{}}\n']
)
async def test_a_file_that_is_not_ours(open_store, tmp_path, log_of, filled, content):
    store = await open_store()
    await filled(store, "s", 3)
    await filled(store, "other", 3)
    await store.close()
    path = log_of(tmp_path / "store", "s")
    path.write_bytes(content)
    store = await open_store()
    with pytest.raises(Damaged):
        await store.load("s")
    assert [found.head.partition for found in await store.scan(Scan())] == ["other"]
    assert list((tmp_path / "store" / "quarantine").iterdir())
    assert path.read_bytes() == content


async def test_the_log_of_another_session_under_this_name(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 3)
    await filled(store, "other", 3)
    await store.close()
    shutil.copy(log_of(tmp_path / "store", "other"), log_of(tmp_path / "store", "s"))
    store = await open_store()
    with pytest.raises(Damaged, match="belongs to"):
        await store.load("s")


async def test_every_flipped_bit_is_noticed(tmp_path, log_of, filled):
    """One random bit in each of many copies: reading everything raises, or shows what was written."""
    rng = random.Random(5)
    folder = tmp_path / "store"
    store = await FileSessionStorage.open(FileSettings(path=folder))
    await filled(store, "s", 80)
    good = await store.load("s", Span("messages/main"), Span("session"))
    await store.close()
    path = log_of(folder)
    data = path.read_bytes()
    records = data.index(b"records")
    for _ in range(300):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        store = await FileSessionStorage.open(FileSettings(path=folder))
        try:
            found = await store.load("s", Span("messages/main"), Span("session"))
        except Damaged:
            pass
        else:  # a bit of the frame, or of a line that a later checkpoint made superfluous
            assert found == good
        finally:
            await store.close()
    assert records > 0


async def test_the_write_ahead_log_is_repeated(open_store, tmp_path, log_of, filled):
    """Two sessions committed together are in one synced log; their files may have lost the bytes in a power cut."""
    store = await open_store()
    heads = {}
    for name in ("a", "b"):
        await filled(store, name, 3)
        heads[name] = (await store.load(name)).head
    before = {name: log_of(tmp_path / "store", name).read_bytes() for name in heads}
    for n in range(5):
        commits = {name: Step(head).append("messages/main", b'"%d"' % n).build() for name, head in heads.items()}
        busy = asyncio.ensure_future(store._thread.run(lambda: time.sleep(0.02)))  # so that they wait together
        await asyncio.sleep(0)
        await asyncio.gather(*(store.commit(commit) for commit in commits.values()))
        await busy
        heads = {name: commit.onto(heads[name]) for name, commit in commits.items()}
    for case, tail in enumerate((b"", b'{"crc":"12', b"\0" * 600)):
        folder = crashed(tmp_path / "store", tmp_path / f"cut{case}")
        for name, data in before.items():
            log_of(folder, name).write_bytes(data + tail)
        again = await open_store(folder)
        assert again.report().redone == 10
        for name, head in heads.items():
            found = await again.load(name, Span("messages/main", 3))
            assert found.head == head
            assert list(found.records.values()) == [b'"%d"' % n for n in range(5)]
        listed = await again.scan(Scan())
        assert {item.head.partition: item.head for item in listed} == heads


async def test_a_log_that_a_repair_moved_away_is_not_written_to_any_more(open_store, filled, log_of, tmp_path):
    store = await open_store()
    await filled(store, "s", 2)
    head = (await store.load("s")).head
    with log_of(tmp_path / "store", "s").open("r+b") as log:
        log.seek(12)
        log.write(b"zz")
    assert len(await store.repair(apply=True)) == 1
    assert await store.load("s") is None
    with pytest.raises(Conflict):
        await store.commit(Step(head).append("messages/main", b"1").build())
