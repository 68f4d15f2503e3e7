"""The only writer is killed while others merely read: nobody loses, and nobody is shown, what would not last.

And what a process does that never got as far as its first write.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import threading

import pytest
from killed import Processes, append, records

from holdall.errors import StorageError, StorageUnavailable
from holdall.testing.crash.disk import CutDisk, Missing
from holdall.testing.steps import Step
from holdall_file import living, opening, recovery, shelf
from holdall_file.faults import Busy
from holdall_file.folder import Folder, lock
from holdall_file.living import unlocked

LINES = [b"%d" % n for n in range(20)]
pytestmark = pytest.mark.covers("ST-11")


@pytest.fixture
def process():
    processes = Processes()
    yield processes
    processes.kill()


@pytest.fixture
def disk(tmp_path):
    try:
        with CutDisk(tmp_path / "power") as one:
            one.renew()
            yield one
    except Missing as error:
        pytest.skip(f"MISSING: {error}")


async def nobody(path, process):
    """The power goes before anybody has met what the dead one left."""


async def one_who_opens(path, process):
    assert await (await process(path=path))("read") == LINES


async def one_who_promises_less(path, process):
    assert await (await process(path=path, durability="process"))("read") == LINES


async def one_who_writes_and_dies_too(path, process):
    more = [b"100", b"101", b"102"]
    writer = await process(path=path)
    assert await writer("append", *more) == LINES + more
    writer.kill()
    return more


MEETING = [nobody, one_who_opens, one_who_promises_less, one_who_writes_and_dies_too]


@pytest.mark.crash
@pytest.mark.parametrize("meets", MEETING)
async def test_power_goes_after_the_only_writer_was_killed_while_a_reader_lives(disk, process, open_store, meets):
    path = disk.root / "store"
    reader, writer = await process(path=path), await process(path=path)
    assert await reader("read") is None
    assert await writer("append", *LINES) == LINES
    (log,) = path.glob("s/*/*.jsonl")
    end = log.stat().st_size
    writer.kill()
    more = await meets(path, process) or []
    disk.cut()
    process.kill()
    disk.power_up()
    if meets is nobody:
        assert log.stat().st_size < end, "this power cut took nothing, so it shows nothing"
    store = await open_store(path)
    assert await records(store) == LINES + more
    assert (store.report().torn, store.report().damaged) == (0, 0)
    await store.close()


@pytest.mark.crash
async def test_what_a_reader_was_shown_of_one_who_died_before_its_sync_lasts(disk, process, open_store):
    path = disk.root / "store"
    reader, writer = await process(path=path), await process(path=path)
    await writer("append", *LINES)
    assert await reader("read") == LINES
    await writer("die when", "the line is written")
    await writer.dies("append", b"never acknowledged")
    shown = await reader("read")
    assert shown == [*LINES, b"never acknowledged"]
    disk.cut()
    process.kill()
    disk.power_up()
    store = await open_store(path)
    assert await records(store) == shown
    await store.close()


async def test_half_a_line_of_the_only_writer_is_cut_off_by_one_who_only_reads(process, tmp_path, open_store):
    path = tmp_path / "store"
    reader, writer = await process(path=path), await process(path=path)
    await writer("append", *LINES)
    await writer("die when", "the line is half written")
    await writer.dies("append", b"never acknowledged")
    assert await reader("read") == LINES
    store = await open_store()
    assert (store.report().unclean, store.report().buried) == (False, 0)
    assert await records(store) == LINES


@pytest.mark.parametrize("alone", [True, False])
async def test_one_who_dies_between_its_log_and_its_first_write(process, tmp_path, open_store, alone):
    path = tmp_path / "store"
    reader, writer = await process(path=path), await process(path=path)
    await writer("die when", "its log is made")
    await writer.dies("append", b"1")
    if alone:
        reader.kill()
    store = await open_store()
    assert (store.report().unclean, store.report().buried) == ((True, 0) if alone else (False, 1))
    assert not list((path / "wal").iterdir())
    assert await records(store) is None
    await append(store, "s", b"1")
    if not alone:
        assert await reader("append", b"2") == [b"1", b"2"]


async def test_one_who_dies_before_it_writes_leaves_nothing_to_put_in_order(process, tmp_path, open_store):
    path = tmp_path / "store"
    await append(await open_store(), "s", b"1")
    reader = await process(path=path)
    assert await reader("read") == [b"1"]
    reader.kill()
    store = await open_store()
    assert (store.report().unclean, store.report().buried) == (False, 0)
    assert await records(store) == [b"1"]


async def test_who_dies_may_lose_the_lock_of_its_log_last(process, tmp_path, open_store, monkeypatch):
    """The locks of a process that is killed go one after the other: what it left is no damage meanwhile."""
    path = tmp_path / "store"
    writer, store = await process(path=path), await open_store()
    await writer("append", *LINES)
    await writer("die when", "the line is half written")
    await writer.dies("append", b"never acknowledged")
    (name,) = (path / "wal").iterdir()
    dying = os.open(name, os.O_RDWR)
    fcntl.flock(dying, fcntl.LOCK_EX)
    read = shelf.open_tail

    def slowly(fd, size):
        monkeypatch.setattr(shelf, "open_tail", read)
        try:
            return read(fd, size)
        finally:
            os.close(dying)

    monkeypatch.setattr(shelf, "open_tail", slowly)
    assert await records(store) == LINES
    assert (store.report().buried, store.report().damaged, store.report().torn) == (1, 0, 1)


async def test_what_was_read_is_not_believed_before_the_dead_were_looked_for(
    process, tmp_path, open_store, monkeypatch
):
    writer, store = await process(path=tmp_path / "store"), await open_store()
    await writer("append", *LINES)
    assert await records(store) == LINES
    await writer("die when", "the line is written")
    await writer.dies("append", b"never acknowledged")
    look = shelf.dead

    def busy(folder, own):
        monkeypatch.setattr(shelf, "dead", look)
        raise Busy

    monkeypatch.setattr(shelf, "dead", busy)
    assert await records(store) == [*LINES, b"never acknowledged"]
    assert store.report().buried == 1


async def test_closing_while_the_first_commit_is_being_made(tmp_path, open_store):
    store = await open_store()
    go = threading.Event()
    busy = asyncio.ensure_future(store._thread.run(go.wait))
    first = asyncio.ensure_future(store.commit(Step("s").append("messages/main", b"1").build()))
    closing = asyncio.ensure_future(store.close())
    for _ in range(4):
        await asyncio.sleep(0)
    go.set()
    await busy
    await closing
    with pytest.raises(StorageUnavailable):
        await first
    assert not list((tmp_path / "store" / "wal").iterdir())
    again = await open_store()
    assert not again.report().unclean
    assert await again.load("s") is None


SHORT = """
import asyncio, os, resource, sys
from holdall.contract import Scan
from holdall.errors import StorageError
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings

CALLS = {
    "commit": lambda store: store.commit(Step("s").append("messages/main", b"1").build()),
    "scan": lambda store: store.scan(Scan("recent")),
    "faults": lambda store: store.faults(),
    "repair": lambda store: store.repair(apply=False),
    "purge": lambda store: store.purge("s"),
}

async def main(path, call):
    store = await FileSessionStorage.open(FileSettings(path=path))
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    free = 0
    while True:
        try:
            await CALLS[call](store)
            break
        except StorageError as error:
            assert "Too many open files" in str(error) or "unable to open" in str(error), error
        os.close(held.pop())
        free += 1
    for fd in held:
        os.close(fd)
    assert store.health() is None, store.health()
    await store.close()
    assert os.listdir(f"{path}/wal") == []
    print(free)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(("call", "most"), [("commit", 8), ("scan", 12), ("faults", 12), ("repair", 12), ("purge", 8)])
def test_no_descriptors_for_the_first_that_writes(tmp_path, call, most):
    """It is told in our words, though imports meet it too; and no try keeps a descriptor that the next one needs."""
    command = [sys.executable, "-c", SHORT, str(tmp_path / "store"), call]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) <= most


async def test_who_recovers_waits_for_one_who_looks_at_the_logs(process, tmp_path, open_store, monkeypatch):
    writer = await process(path=tmp_path / "store")
    await writer("append", *LINES)
    writer.kill()
    looking = os.open(tmp_path / "store" / "graves.lock", os.O_RDWR)
    enter, waited = opening._enter, []

    def entered(folder, store):
        alone = enter(folder, store)
        fcntl.flock(looking, fcntl.LOCK_EX)
        return alone

    def gone(seconds):
        waited.append(seconds)
        fcntl.flock(looking, fcntl.LOCK_UN)

    monkeypatch.setattr(opening, "_enter", entered)
    monkeypatch.setattr(opening.time, "sleep", gone)
    store = await open_store()
    os.close(looking)
    assert waited
    assert store.report().unclean
    assert await records(store) == LINES


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOMEM])
async def test_what_the_process_lacks_while_it_recovers_is_not_held_against_a_log(
    process, tmp_path, open_store, monkeypatch, code
):
    """It is not opened; else the log would stay torn, and nobody would know any more that it may be."""
    writer = await process(path=tmp_path / "store")
    await writer("append", *LINES)
    await writer("die when", "the line is half written")
    await writer.dies("append", b"never acknowledged")

    def lacking(fd, size):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(recovery, "open_tail", lacking)
        with pytest.raises(StorageError):
            await open_store()
    store = await open_store()
    assert (store.report().torn, store.report().damaged) == (1, 0)
    assert await records(store) == LINES


def test_a_log_whose_process_closes_the_store_just_now_is_nobodys_grave(tmp_path, monkeypatch):
    folder = Folder(str(tmp_path), durable=True)
    folder.create("wal/1-0.wal").close()
    assert unlocked(folder, "wal/1-0.wal")

    def removed(fd, how):
        folder.unlink("wal/1-0.wal")
        lock(fd, how)

    monkeypatch.setattr(living, "lock", removed)
    assert not unlocked(folder, "wal/1-0.wal")
    folder.close()


@pytest.mark.parametrize("durability", ["power", "process"])
async def test_a_clock_that_is_put_back_hides_no_log_from_recovery(open_store, process, tmp_path, durability):
    """Times of files are taken from that clock, too: what is written afterwards looks older than the process."""
    writer = await process(path=tmp_path / "store", durability=durability)
    await writer("die when", "its clock is put back")
    assert await writer("append", *LINES) == LINES
    await writer("die when", "the line is half written")
    await writer.dies("append", b"never acknowledged")
    store = await open_store()
    assert (store.report().torn, store.report().damaged) == (1, 0)
    assert await records(store) == LINES
