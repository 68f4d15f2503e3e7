"""A backup is one moment of each partition, an archive is refused when a bit of it is wrong, a restore is all or nothing."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.archives import Meddling, Open, nothing, opening_in, user
from support.contents import content, fill, unversioned
from support.storages import Passing, Tampering

from holdall.codecs import Codec
from holdall.contract import Commit, ISessionStorage, Lane, Span
from holdall.errors import Damaged, SettingsError, StorageUnavailable
from holdall.sessions.store import Store
from holdall.testing.clock import ManualClock
from holdall.transfer import windows
from holdall.transfer.archive.reading import Reading
from holdall.transfer.backing_up import back_up
from holdall.transfer.restoring import check, restore
from holdall.transfer.verifying import verify

pytestmark = pytest.mark.covers("ST-14")
# ruff: noqa: ASYNC240


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    async with opening_in(tmp_path) as open_one:
        yield open_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive goes."""
    return tmp_path / "archive.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def odd(storage: ISessionStorage) -> None:
    """A partition whose records are everything that JSON lines are bad at."""
    records = [b"", b"\x00\xff", b'{"a":\n1}', b' {"a":1}', b'{"a":1}\r', b'{"a":"\xff"}', b"[1]", b'{"a":01}', b'"x"']
    write = {("odd", at): data for at, data in enumerate(records, 3)}
    await storage.commit(
        Commit("s\u00e9ssion/../odd\n", 0, 7, 5, {"odd": Lane(3, 12, 6), "empty": Lane(4, 4)}, write=write)
    )


@pytest.mark.parametrize(
    ("backend", "target"),
    [("memory", "file"), ("file", "diskcache"), ("diskcache", "tinydb"), ("tinydb", "memory"), ("file", "file")],
)
async def test_everything_comes_back_into_any_backend(store: Store, opened: Open, target: str, path: Path) -> None:
    await fill(store)
    source = store.engine.storage
    await odd(source)
    before = await content(source)
    made = await back_up(source, path, 5)
    assert await content(source) == before
    assert made.as_dict() == {
        "partitions": len(before),
        "sessions": 5,
        "records": sum(len(item.records) for item in before.values()),
        "bytes": sum(len(data) for item in before.values() for data in item.records.values()),
        "left_out": [],
    }
    assert {name.split("/")[0] for name in before} >= {"session", "claim", "presence"}
    storage = await opened(target)
    assert (await restore(Reading(path), storage)).as_dict() == made.as_dict()
    after = await content(storage)
    assert unversioned(after) == unversioned(before)
    assert all(after[name].head.version > item.head.version for name, item in before.items())
    assert {problem for problem in (await verify(storage, Codec())).problems if "odd" not in problem} == set()
    again = path.with_name("again.jsonl")
    await back_up(storage, again, 5)
    records = [[line for line in lines(archive) if "lane" in line] for archive in (path, again)]
    assert records[0] == records[1]


@pytest.mark.parametrize("backend", ["memory"])
async def test_an_archive_can_be_checked_with_standard_tools(store: Store, path: Path) -> None:
    """The first bytes name it, each line is JSON, and the hashes are those of ``sha256sum``."""
    await fill(store)
    await back_up(store.engine.storage, path, 1_700_000_000_123)
    data = path.read_bytes()
    assert data.startswith(b'{"holdall":"archive","format":1,"made":1700000000123}\n')
    body, last = data[: data.rindex(b"\n", 0, -1) + 1], lines(path)[-1]
    assert last["manifest"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert oct(path.stat().st_mode)[-3:] == "600"
    part = b""
    for line in body.splitlines(keepends=True)[1:]:
        found = json.loads(line)
        if "end" in found:
            assert found["sha256"] == hashlib.sha256(part).hexdigest()
            part = b""
            continue
        part += line
        if "json" in found:
            raw = json.dumps(found["json"], separators=(",", ":"), ensure_ascii=False)
            assert found["sha256"] == hashlib.sha256(raw.encode()).hexdigest()


@pytest.mark.parametrize("backend", ["memory"])
async def test_any_flipped_bit_is_found_and_its_line_named(store: Store, path: Path) -> None:
    """B2: 1,000 of 1,000, and as many cuts and additions."""
    for number in range(3):
        session = await store.get_or_create(owner="ana", key=f"k{number}", messages=[user(n) for n in range(number)])
    await odd(store.engine.storage)
    await back_up(Tampering(store.engine.storage, f"session/{session.id}", ("messages/main", 1), None), path, 5)
    assert len(check(Reading(path)).left_out) == 1
    data, seed = path.read_bytes(), random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    bad = path.with_name("bad.jsonl")
    for bit in [*chance.sample(range(len(data) * 8), 880), *range(60), *range(len(data) * 8 - 60, len(data) * 8)]:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        bad.write_bytes(flipped)
        with pytest.raises(Damaged, match=r"bad.jsonl line \d+ is damaged: "):
            check(Reading(bad))
    for cut in [0, 1, len(data) - 1, *chance.sample(range(len(data)), 50)]:
        bad.write_bytes(data[:cut])
        with pytest.raises(Damaged, match=r"line \d+"):
            check(Reading(bad))
        bad.write_bytes(data + data[cut : cut + 1 + chance.randrange(100)])
        with pytest.raises(Damaged, match=r"line \d+"):
            check(Reading(bad))


@pytest.mark.parametrize("backend", ["memory"])
async def test_a_swapped_or_repeated_partition_is_found(store: Store, path: Path) -> None:
    await fill(store)
    await back_up(store.engine.storage, path, 5)
    parts = path.read_bytes().split(b'{"partition":')
    for order in ([0, 2, 1, *range(3, len(parts))], [0, 1, 1, *range(2, len(parts))], [0, *range(2, len(parts))]):
        path.write_bytes(b'{"partition":'.join(parts[at] for at in order))
        with pytest.raises(Damaged, match=r"line \d+"):
            check(Reading(path))


async def test_another_format_is_refused_by_its_number(path: Path) -> None:
    path.write_bytes(b'{"holdall":"archive","format":2,"made":5}\n')
    with pytest.raises(Damaged, match="format 2; this version reads 1"):
        check(Reading(path))


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW", 10)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("kind", ["append", "update", "trim", "drop", "again"])
async def test_a_partition_is_one_moment_whatever_others_do(
    store: Store, opened: Open, path: Path, kind: str, clock: ManualClock
) -> None:
    """Appends don't matter to what stood before; after anything else the reading begins anew."""
    session = await store.create(owner="ana", messages=[user(n) for n in range(45)])
    name, storage = f"session/{session.id}", store.engine.storage
    history = [await storage.load(name, Span("messages/main"), Span("session"))]

    async def change() -> None:
        found = await storage.load(name, Span("messages/main"), Span("session"))
        if kind == "append":
            await store.append(session.id, [user(99)] * 3)
        elif kind == "update":
            await store.update(session.id, title="another")
        elif kind == "trim":
            await store.clear(session.id)
        elif found is not None:
            await storage.drop(name, expect=found.head.version)
            clock.advance(1)
            if kind == "again":  # the same name, of the same shape
                head, version = found.head, clock.now() + 10**6
                write = {at: data.replace(b'"content":"', b'"content":"new ') for at, data in found.records.items()}
                await storage.commit(Commit(name, 0, version, version, {**head.lanes}, {**head.marks}, write=write))
        history.append(await storage.load(name, Span("messages/main"), Span("session")))

    meddling = Meddling(storage, name, nothing, nothing, change, *[nothing] * 5)
    counts = await back_up(meddling, path, 5)
    assert kind != "append" or meddling.meddle == [nothing]  # six windows, and a look whether it is still the same
    target = await opened("memory")
    await restore(Reading(path), target)
    found = await target.load(name, Span("messages/main"), Span("session"))
    assert counts.left_out == []
    expected = history[0 if kind == "append" else -1]
    assert unversioned({name: found} if found else {}) == unversioned({name: expected} if expected else {})


@pytest.mark.parametrize("backend", ["memory"])
@pytest.mark.usefixtures("small_windows")
async def test_what_never_rests_is_left_out_and_named(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdall.transfer.backing_up._ATTEMPTS", 4)
    session = await store.create(owner="ana", messages=[user(n) for n in range(45)])
    other = await store.create(owner="ana")

    async def change() -> None:
        await store.update(session.id, title="another")

    counts = await back_up(Meddling(store.engine.storage, f"session/{session.id}", *[change] * 100), path, 5)
    (left,) = counts.as_dict()["left_out"]
    assert left == f"session/{session.id}: it was rewritten each of the 4 times that it was read"
    assert check(Reading(path)).as_dict() == counts.as_dict()
    assert [line["partition"] for line in lines(path) if "partition" in line] == [f"session/{other.id}"]


@pytest.mark.parametrize("data", [None, Damaged("page 3", "checksum")])
async def test_a_damaged_session_is_left_out_whole_and_named(store: Store, opened: Open, path: Path, data: Any) -> None:
    ids = await fill(store)
    hurt = Tampering(store.engine.storage, f"session/{ids[1]}", ("messages/main", 7), data)
    counts = await back_up(hurt, path, 5)
    (left,) = counts.left_out
    assert left.left_out == f"session/{ids[1]}"
    assert ("messages/main[7]" if data is None else "page 3") in left.reason
    target = await opened("memory")
    assert (await restore(Reading(path), target)).left_out == [left]
    held = await content(store.engine.storage)
    rest = {name: item for name, item in held.items() if name != f"session/{ids[1]}"}
    assert unversioned(await content(target)) == unversioned(rest)


@pytest.mark.parametrize("backend", ["memory"])
async def test_what_only_the_storage_knows_to_be_damaged_is_told(store: Store, path: Path) -> None:
    class Hurt(Passing):
        async def faults(self) -> list[str]:
            return ["s/ab/abcd.jsonl: its last line is damaged"]

    counts = await back_up(Hurt(store.engine.storage), path, 5)
    assert counts.as_dict()["left_out"] == ["s/ab/abcd.jsonl: its last line is damaged"]
    assert check(Reading(path)).as_dict() == counts.as_dict()


@pytest.mark.parametrize("backend", ["memory"])
async def test_nothing_is_left_of_a_backup_that_fails(store: Store, path: Path) -> None:
    class Gone(Passing):
        async def faults(self) -> list[str]:
            raise StorageUnavailable("gone")

    await fill(store)
    before = set(path.parent.iterdir())
    with pytest.raises(StorageUnavailable):
        await back_up(Gone(store.engine.storage), path, 5)
    assert set(path.parent.iterdir()) == before
    path.write_text("mine")
    with pytest.raises(SettingsError, match="is there already"):
        await back_up(store.engine.storage, path, 5)
    assert path.read_text() == "mine"
