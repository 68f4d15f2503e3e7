"""What a scan leaves out is told by ``faults``, once, by file and partition; foreign files are passed over."""

from __future__ import annotations

import shutil

import pytest

from holdall.contract import Scan
from holdall.errors import Damaged
from holdall_file.folder import digest_of, log_name


def flipped(data):
    at = data.rindex(b'\n{"crc"') + 60
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


SPOILT = {
    "emptied": lambda data: b"",
    "cut short": lambda data: data[:-5],
    "flipped": flipped,
    "garbage behind": lambda data: data + b"\x07\xfe{" * 17,
    "garbage": lambda data: b"hello\n",
}


async def listed(store, **wanted):
    return [item.head.partition for item in await store.scan(Scan(**wanted))]


async def closed(open_store, filled):
    store = await open_store()
    for name in ("a", "b", "c"):
        await filled(store, name, 5)
    assert await listed(store) == ["a", "b", "c"]
    await store.close()


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("catalogue", ["kept", "lost", "remade"])
async def test_a_session_that_is_left_out_is_told(open_store, tmp_path, log_of, filled, *, how, catalogue):
    await closed(open_store, filled)
    path = log_of(tmp_path / "store", "b")
    path.write_bytes(SPOILT[how](path.read_bytes()))
    if catalogue != "kept":
        for file in (tmp_path / "store").glob("catalog.*"):
            file.unlink()
    if catalogue == "remade":
        store = await open_store()
        await listed(store)
        await store.close()
    store = await open_store()
    for _ in range(2):
        assert await listed(store) == ["a", "c"]
        assert await listed(store, mark="recent") == ["a", "c"]
        (line,) = await store.faults()
        assert log_name(digest_of("b")) in line
        assert "\n" not in line
        assert ("'b'" in line) or catalogue != "kept"
    with pytest.raises(Damaged):
        await store.load("b")
    assert len(await store.faults()) == 1


async def test_a_whole_store_has_no_faults(open_store, filled):
    await closed(open_store, filled)
    store, other = await open_store(), await open_store()
    await filled(other, "d", 3)
    assert await store.faults() == []
    assert await listed(store) == ["a", "b", "c", "d"]
    await other.drop("d", expect=(await other.load("d")).head.version)
    assert await store.faults() == []
    assert await other.faults() == []


async def test_a_log_that_the_catalogue_lacks_is_listed_again(open_store, tmp_path, log_of, filled):
    await closed(open_store, filled)
    path = log_of(tmp_path / "store", "b")
    data = path.read_bytes()
    path.unlink()
    for file in (tmp_path / "store").glob("catalog.*"):
        file.unlink()
    store = await open_store()
    assert await listed(store) == ["a", "c"]
    path.write_bytes(data)
    (line,) = await store.faults()
    assert "'b'" in line
    assert await listed(store) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["s/foreign", "s/00/zz.jsonl", "wal/foreign", "s/" + digest_of("b")[:2] + "/x"])
@pytest.mark.parametrize("kind", ["file", "link", "directory"])
@pytest.mark.parametrize("catalogue", ["kept", "lost"])
async def test_foreign_files_are_passed_over(open_store, tmp_path, filled, *, name, kind, catalogue):
    await closed(open_store, filled)
    path = tmp_path / "store" / name
    path.parent.mkdir(exist_ok=True)
    if kind == "file":
        path.write_bytes(b"foreign")
    elif kind == "link":
        path.symlink_to(tmp_path)
    else:
        path.mkdir()
    if catalogue == "lost":
        for file in (tmp_path / "store").glob("catalog.*"):
            file.unlink()
    store = await open_store()
    assert not store.report().unclean
    assert await listed(store) == ["a", "b", "c"]
    await filled(store, "d", 2)
    if name == "s/foreign" and kind == "directory":  # empty: nothing is in the way
        assert await store.faults() == []
    else:
        for _ in range(2):
            (line,) = await store.faults()
            assert name in line
    await store.close()
    assert path.name in {file.name for file in path.parent.iterdir()}


async def test_foreign_files_after_a_crash(open_store, tmp_path, filled):
    store = await open_store()
    await filled(store, "a", 5)
    folder = tmp_path / "crashed"
    shutil.copytree(tmp_path / "store", folder)
    (folder / "s" / "foreign").write_bytes(b"foreign")
    (folder / "s" / "link").symlink_to(tmp_path)
    (folder / "wal" / "foreign").write_bytes(b"foreign")
    again = await open_store(folder)
    assert again.report().unclean
    assert await listed(again) == ["a"]
    assert len(await again.faults()) == 3
    assert (folder / "wal" / "foreign").exists()


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
@pytest.mark.parametrize("crash", [False, True])
async def test_a_log_that_is_a_link(open_store, tmp_path, log_of, filled, *, target, crash):
    store = await open_store()
    await filled(store, "b", 5)
    await filled(store, "c", 5)
    (tmp_path / "elsewhere").write_bytes(b"secret")
    assert await listed(store) == ["b", "c"]
    if not crash:
        await store.close()
    folder = tmp_path / "copy"
    shutil.copytree(tmp_path / "store", folder)
    path = log_of(folder, "b")
    path.unlink()
    path.symlink_to(tmp_path / target)
    store = await open_store(folder)
    assert await listed(store) == ["c"]
    (line,) = await store.faults()
    assert log_name(digest_of("b")) in line
    with pytest.raises(Damaged):
        await store.load("b")
    assert (tmp_path / "elsewhere").read_bytes() == b"secret"
    assert len(await store.faults()) == 1
