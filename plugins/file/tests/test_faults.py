"""The disk says no."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from holdall.contract import Scan, Span
from holdall.errors import SettingsError, StorageError, StorageFull, StorageUnavailable
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage
from holdall_file.faults import typed


@pytest.fixture
def small_disk(tmp_path: Path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("MISSING: the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(filler: Path) -> None:
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017
    finally:
        os.close(fd)


async def test_no_room(small_disk, open_store, filled):
    store = await open_store(small_disk / "store")
    await filled(store, "s", 10)
    await filled(store, "t", 1)
    await store.scan(Scan("recent"))
    filler = small_disk / "filler"
    fill_up(filler)
    head = (await store.load("s")).head
    big = Step(head).append("messages/main", b'"%s"' % (b"y" * 50_000)).mark("recent", 99).build()
    with pytest.raises(StorageFull):
        await store.commit(big)
    with pytest.raises(StorageFull):
        await store.commit(Step("new").append("session", b'"%s"' % (b"y" * 50_000)).build())
    assert store.health() is not None
    found = await store.load("s", Span("messages/main"))
    assert found.head == head
    assert len(found.records) == 10
    assert [item.head.partition for item in await store.scan(Scan("recent"))] == ["t", "s"]
    other = (await store.load("t")).head
    await store.drop("t", expect=other.version)
    assert await store.load("t") is None
    filler.unlink()
    await store.commit(big)
    assert store.health() is None
    assert [item.head.partition for item in await store.scan(Scan("recent"))] == ["s"]
    assert len((await store.load("s", Span("messages/main"))).records) == 11


async def fail_once(store: FileSessionStorage, monkeypatch, commit, name="fdatasync"):
    real = getattr(os, name)

    def failing(fd):
        monkeypatch.setattr(os, name, real)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, failing)
    with pytest.raises(StorageError):
        await store.commit(commit)
    monkeypatch.setattr(os, name, real)


async def test_a_failed_sync(open_store, tmp_path, filled, monkeypatch):
    store = await open_store()
    await filled(store, "s", 5)
    head = (await store.load("s")).head
    commit = Step(head).append("messages/main", b'"x"').build()
    await fail_once(store, monkeypatch, commit)
    assert "Input/output error" in store.health()
    assert (await store.load("s", Span("messages/main"))).head == head
    await store.commit(commit)
    assert store.health() is not None, "an operator has to look"
    await store.close()
    assert list((tmp_path / "store" / "wal").iterdir()), "the next opening looks carefully"
    store = await open_store()
    assert store.report().unclean
    assert store.health() is None
    assert len((await store.load("s", Span("messages/main"))).records) == 6


async def test_a_failed_sync_says_nothing_of_the_next_file_of_that_name(open_store, filled, monkeypatch):
    """What may have been lost is remembered of a file, which another process may have removed and made again."""
    store, other = await open_store(), await open_store()
    await filled(store, "s", 30)
    head = (await store.load("s")).head
    await fail_once(store, monkeypatch, Step(head).append("messages/main", b'"x"').build())
    await other.drop("s", expect=head.version)
    await other.commit(Step("s", version=head.version + 100).append("messages/main", b'"new"').build())
    head = (await store.load("s")).head
    await store.commit(Step(head).append("messages/main", b'"newer"').build())
    found = await store.load("s", Span("messages/main"))
    assert list(found.records.values()) == [b'"new"', b'"newer"']


async def test_a_failed_sync_of_the_shared_log(open_store, filled, monkeypatch):
    store = await open_store()
    heads = {}
    for name in "abc":
        await filled(store, name, 2)
        heads[name] = (await store.load(name)).head
    commits = {name: Step(head).append("messages/main", b'"x"').build() for name, head in heads.items()}
    await asyncio.gather(*(store.commit(commit) for commit in commits.values()))
    heads = {name: commit.onto(heads[name]) for name, commit in commits.items()}
    commits = {name: Step(head).append("messages/main", b'"y"').build() for name, head in heads.items()}
    real = os.fdatasync

    def failing(fd):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    outcomes = await asyncio.gather(*(store.commit(commit) for commit in commits.values()), return_exceptions=True)
    monkeypatch.setattr(os, "fdatasync", real)
    assert all(isinstance(outcome, StorageError) for outcome in outcomes)
    for name, head in heads.items():
        assert (await store.load(name, Span("messages/main"))).head == head
        await store.commit(commits[name])
    await store.close()
    store = await open_store()
    for name in heads:
        assert [*(await store.load(name, Span("messages/main", 2))).records.values()] == [b'"x"', b'"y"']


async def test_what_failed_is_not_repeated_into_what_came_in_its_place(open_store, tmp_path, filled, monkeypatch):
    """Two commits are in the write-ahead log, whose sync fails; the next opening finds a longer one where they were."""
    store = await open_store()
    await filled(store, "s", 5)
    head = (await store.load("s")).head
    first = Step(head).append("messages/main", b'"x"').build()
    second = Step(first.onto(head)).append("messages/main", b'"y"').build()
    begin = threading.Event()
    busy = asyncio.ensure_future(store._thread.run(begin.wait))
    together = asyncio.gather(store.commit(first), store.commit(second), return_exceptions=True)
    for _ in range(3):
        await asyncio.sleep(0)
    real = os.fdatasync

    def failing(fd):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    begin.set()
    assert [type(outcome) for outcome in await together] == [StorageError, StorageError]
    monkeypatch.setattr(os, "fdatasync", real)
    await busy
    third = b'"%s"' % (b"z" * 1000)
    await store.commit(Step(head).append("messages/main", third).build())
    shutil.copytree(tmp_path / "store", tmp_path / "killed")
    after = await open_store(tmp_path / "killed")
    assert after.report().unclean
    assert [*(await after.load("s", Span("messages/main", -1))).records.values()] == [third]


async def test_a_failed_creation(open_store, filled, monkeypatch):
    store = await open_store()
    await filled(store, "s", 1)
    commit = Step("new").append("session", b"{}").mark("recent", 5).build()
    await fail_once(store, monkeypatch, commit)
    assert await store.load("new") is None
    await fail_once(store, monkeypatch, commit, "fsync")
    assert await store.load("new") is None
    assert [item.head.partition for item in await store.scan(Scan("recent"))] == ["s"]
    await store.commit(commit)
    assert [item.head.partition for item in await store.scan(Scan("recent"))] == ["s", "new"]


async def test_a_creation_that_can_not_give_up_its_first_name_did_not_happen(open_store, monkeypatch):
    """Else it would be seen though it failed, and what is committed on it would lie in a file that no synced folder names."""
    store = await open_store()
    unlink = os.unlink

    def failing(name, **where):
        monkeypatch.setattr(os, "unlink", unlink)
        raise OSError(errno.EIO, "Input/output error", name)

    monkeypatch.setattr(os, "unlink", failing)
    commit = Step("new").append("messages/main", b"1").build()
    with pytest.raises(StorageError):
        await store.commit(commit)
    assert await store.load("new") is None
    await store.commit(commit)
    assert (await store.load("new")).head == commit.onto(None)


async def test_no_more_descriptors(open_store, filled):
    store = await open_store()
    await filled(store, "s", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        while True:
            try:
                held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        with pytest.raises(StorageError, match="Too many open files"):
            await store.commit(Step("new").append("session", b"{}").build())
        head = (await store.load("s")).head
        await store.commit(Step(head).append("messages/main", b"1").build())
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await store.commit(Step("new").append("session", b"{}").build())


@pytest.mark.req("SEC-FS-01")
async def test_a_folder_of_somebody_else_or_of_everybody_is_refused(open_store, tmp_path):
    open_to_all = tmp_path / "all"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(SettingsError, match="writable by others"):
        await open_store(open_to_all)
    if os.geteuid() != 0:
        pytest.skip("MISSING: the right to give a folder to another user")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    os.chown(foreign, 12345, 12345)
    with pytest.raises(SettingsError, match="another user"):
        await open_store(foreign)


async def test_a_link_is_not_followed(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 1)
    await store.close()
    path = log_of(tmp_path / "store")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    store = await open_store()
    with pytest.raises(StorageError):
        await store.load("s")


async def test_a_path_that_is_a_file(tmp_path, open_store):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError):
        await open_store(tmp_path / "file" / "store")


def test_an_error_is_told_while_another_thread_imports_sqlite(monkeypatch):
    """The first list of a process does that, on the event loop, while its other threads go on."""
    monkeypatch.setitem(sys.modules, "sqlite3", ModuleType("sqlite3"))
    refused = StorageUnavailable("refused")
    assert typed(refused) is refused


async def test_what_cannot_be_put_right_after_a_failed_sync_keeps_no_lock(open_store, filled, monkeypatch):
    store = await open_store()
    await filled(store, "s", 2)
    head = (await store.load("s")).head
    commit = Step(head).append("messages/main", b'"next"').build()

    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    def failing_write(fd, data, at, real=os.pwrite):
        return failing() if "/s/" in str(Path(f"/proc/self/fd/{fd}").readlink()) else real(fd, data, at)

    for name, broken in (("fdatasync", failing), ("pwrite", failing_write)):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, broken)
            with pytest.raises(StorageError):
                await store.commit(commit)
    monkeypatch.setattr("holdall_file.storage._PATIENCE", 0.5)
    assert (await (await open_store()).load("s")).head == head
