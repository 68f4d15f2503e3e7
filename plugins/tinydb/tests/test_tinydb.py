"""What the conformance kit can't see from outside: the file, its lock, its generations, damage, a full disk."""

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from holdall.contract import Commit, Lane, Scan, Span
from holdall.errors import Conflict, Damaged, SettingsError, StorageBusy, StorageError, StorageFull, StorageUnavailable
from holdall_tinydb import TinyDBSessionStorage, TinyDBSettings


def opened(path: Path, **options: int) -> TinyDBSessionStorage:
    return TinyDBSessionStorage(TinyDBSettings(path=path, **options))


def first(partition: str, data: bytes = b"{}") -> Commit:
    return Commit(partition, 0, 1, 1, {"m": Lane(0, 1)}, {"recent": 5}, write={("m", 0): data})


def document(path: Path) -> dict:
    return json.loads((path / "sessions.json").read_text())


RECORDS = [
    b'{"role":"user","content":"\xc3\xa9","n":[1,2.5,null]}',
    b'{"a": 1}',
    b'{"n":1e5}',
    b'{"a":1,"a":2}',
    b'{"n":NaN}',
    b'{"s":"\\ud800"}',
    b'"text"',
    b"[1]",
    b"",
    b"\xff\x00",
    b"{",
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'{"n":' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("data", RECORDS, ids=range(len(RECORDS)))
def test_every_record_comes_back_to_the_byte_also_from_the_file(tmp_path, data):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p", data))
        assert storage.load("p", Span("m")).records == {("m", 0): data}
    with closing(opened(tmp_path / "s")) as storage:
        assert storage.load("p", Span("m")).records == {("m", 0): data}


def test_a_person_can_read_the_file(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p", b'{"role":"user","content":"hello"}'))
    assert document(tmp_path / "s")["sessions"]["p"]["records"]["m:0"] == {"role": "user", "content": "hello"}


def test_a_batch_is_one_new_file_and_a_conflict_leaves_nothing(tmp_path, monkeypatch):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("taken"))
        synced = []
        monkeypatch.setattr(os, "fsync", synced.append)
        outcomes = storage.commit_many([first("a"), first("taken", b"other"), first("b")])
        assert [type(each) for each in outcomes] == [type(None), Conflict, type(None)]
        assert len(synced) == 2  # the file and its folder
        assert storage.load("taken", Span("m")).records == {("m", 0): b"{}"}
        with pytest.raises(Conflict):
            storage.commit(first("taken"))
        assert len(synced) == 2  # nothing to write, nothing written
    assert list(document(tmp_path / "s")["sessions"]) == ["taken", "a", "b"]


@pytest.mark.req("SEC-FS-01")
def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        with closing(opened(tmp_path / "s")) as storage:
            storage.commit(first("p"))
            storage.commit(first("q"))
    finally:
        os.umask(old)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()}
    assert modes == {"sessions.json": 0o600, "sessions.before.json": 0o600, "reserve": 0o600}


@pytest.mark.req("SEC-FS-01")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, mode):
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(mode)
    with pytest.raises(SettingsError, match="writable by others"):
        opened(tmp_path / "s")


@pytest.mark.req("SEC-FS-01")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path):
    (tmp_path / "s").mkdir(0o700)
    os.chown(tmp_path / "s", 12345, 12345)
    with pytest.raises(SettingsError, match="another user"):
        opened(tmp_path / "s")


def test_a_second_opener_is_told_at_once_and_harms_nothing(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        began = time.monotonic()
        with pytest.raises(StorageBusy, match="another process has it open"):
            opened(tmp_path / "s")
        code = f"from holdall_tinydb import *; TinyDBSessionStorage(TinyDBSettings(path={str(tmp_path / 's')!r}))"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert other.stderr.strip().splitlines()[-1].startswith("holdall.errors.StorageBusy: ")
        assert time.monotonic() - began < 60
        storage.commit(first("q"))
    opened(tmp_path / "s").close()


def test_the_generation_before_is_kept(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        held = (tmp_path / "s" / "sessions.json").read_bytes()
        storage.commit(first("q"))
    assert (tmp_path / "s" / "sessions.before.json").read_bytes() == held


@pytest.mark.req("SEC-DEL-01")
def test_what_is_dropped_is_in_no_generation(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p", b'{"secret":"canary"}'))
        storage.commit(first("q"))
        storage.drop("p", expect=1)
        assert [path.name for path in (tmp_path / "s").iterdir() if b"canary" in path.read_bytes()] == []


@pytest.fixture
def quick_path(tmp_path):
    """A folder in memory, where the machine has one: for what syncs a thousand times."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_any_flipped_byte_is_found_and_costs_what_it_is_in(quick_path):
    """Wherever it is: nothing wrong is ever shown, what is hurt is refused and named, and the file is kept aside."""
    expected = {}
    with closing(opened(quick_path / "s")) as storage:
        for name in ("p", "q"):
            storage.commit(Commit(name, 0, 1, 1, {"m": Lane(0, 2)}, write={("m", 0): b'{"a":1}', ("m", 1): b"two"}))
            expected[name] = storage.load(name, Span("m"))
    file = quick_path / "s" / "sessions.json"
    whole = file.read_bytes()
    records = whole.index(b'"m:0":', whole.index(b'"q"')), whole.rindex(b"\n}}\n}}")
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with closing(opened(quick_path / "s")) as storage:
            told, lost = storage.faults(), []
            for name, good in expected.items():
                for span in (Span("m", 0, 1), Span("m", 1, 2)):
                    try:
                        found = storage.load(name, span)
                    except Damaged:
                        lost.append((name, span))
                    else:
                        assert found is None or found.records.items() <= good.records.items()
            assert told
            if records[0] <= at < records[1] and whole[at] != ord(b"\n"):
                assert len(lost) == 1, at
                assert lost[0][0] == "q"
    assert any((quick_path / "s" / "quarantine").iterdir())
    (quick_path / "s" / "sessions.before.json").replace(file)
    with closing(opened(quick_path / "s")) as storage:
        assert [each.head.partition for each in storage.scan(Scan())] == ["p"]


@pytest.mark.parametrize("left", [b"", b"not ours", None])
def test_a_file_that_is_cut_or_strange_or_gone_is_refused(tmp_path, left):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        storage.commit(first("q"))
    file = tmp_path / "s" / "sessions.json"
    file.unlink() if left is None else file.write_bytes(left)
    with pytest.raises(StorageError):
        opened(tmp_path / "s")


def test_over_max_bytes_is_refused_and_deleting_still_works(tmp_path):
    with closing(opened(tmp_path / "s", max_bytes=2000)) as storage:
        storage.commit(first("p", b"x" * 900))
        with pytest.raises(StorageFull, match="max_bytes"):
            storage.commit(first("q", b"x" * 900))
        assert storage.load("q") is None
        storage.drop("p", expect=1)
        storage.commit(first("q", b"x" * 900))
    with closing(opened(tmp_path / "s", max_bytes=10)) as storage:  # a lower ceiling refuses growth, not deletion
        storage.drop("q", expect=1)


@pytest.mark.parametrize(("failing", "code"), [("file", errno.EIO), ("file", errno.ENOSPC), ("folder", errno.EIO)])
def test_a_failed_sync_is_said_and_never_tried_again(tmp_path, monkeypatch, failing, code):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        synced, fsync = [], os.fsync

        def broken(fd: int) -> None:
            synced.append(fd)
            if (fd == storage._folder) == (failing == "folder"):
                raise OSError(code, os.strerror(code))
            fsync(fd)

        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(StorageFull if code == errno.ENOSPC else StorageError):
            storage.commit(first("q"))
        assert len(synced) == (2 if failing == "folder" else 1)
        monkeypatch.undo()
        if failing == "file":  # nothing was replaced: memory is what the disk holds
            assert storage.load("q") is None
            assert list(document(tmp_path / "s")["sessions"]) == ["p"]
            storage.commit(first("q"))
        else:  # undecided, so that nothing is shown before a new opening
            for use in (lambda: storage.load("p"), lambda: storage.commit(first("r")), lambda: storage.scan(Scan())):
                with pytest.raises(StorageUnavailable, match="opened again"):
                    use()
    with closing(opened(tmp_path / "s")) as storage:
        assert [each.head.partition for each in storage.scan(Scan())] == ["p", "q"]


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("MISSING: only root can mount a small disk")
    (tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", tmp_path / "disk"], check=True)
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)


def commit_until_full(storage: TinyDBSessionStorage) -> int:
    for n in range(1000):
        try:
            storage.commit(first(f"p{n:04}", os.urandom(30_000)))
        except StorageFull:
            return n
    raise AssertionError("the disk is never full")


def test_a_full_disk_is_said_and_memory_is_what_the_disk_holds(small_disk):
    with closing(opened(small_disk / "s")) as storage:
        kept = commit_until_full(storage)
        assert kept
        held = [each.head.partition for each in storage.scan(Scan(spans=[Span("m")]))]
        assert held == sorted(document(small_disk / "s")["sessions"])
        assert len(held) == kept
        (small_disk / "s" / "sessions.before.json").unlink()  # an operator makes room
        storage.drop("p0000", expect=1)
        storage.commit(first("after"))
    with closing(opened(small_disk / "s")) as storage:
        assert len(storage.scan(Scan())) == kept


def test_a_store_that_was_moved_away_writes_where_it_is_and_not_into_the_one_in_its_place(tmp_path):
    with closing(opened(tmp_path / "s")) as old:
        old.commit(first("old"))
        (tmp_path / "s").rename(tmp_path / "moved")
        with closing(opened(tmp_path / "s")) as new:
            new.commit(first("new"))
            old.commit(first("more"))
    assert list(document(tmp_path / "s")["sessions"]) == ["new"]
    assert list(document(tmp_path / "moved")["sessions"]) == ["old", "more"]
