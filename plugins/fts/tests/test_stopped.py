"""A process that is stopped, or forked, keeps the locks that it has on the index: nobody waits for it for ever.

Covers CV-06.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import holdall
from holdall.errors import StorageBusy, StorageUnavailable
from holdall_fts import database, locking
from holdall_fts.index import FtsSearchIndex


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(database, "_PATIENCE", 0.2)


@pytest.fixture
def config(tmp_path):
    options = {"path": str(tmp_path / "search")}
    return {"storage": {"use": "memory"}, "search": {"use": "fts", "options": options, "every": 0}}


def said(text):
    return {"role": "user", "content": text}


async def test_those_who_search_while_a_writer_is_stopped_wait_together(config, tmp_path, monkeypatch):
    waited = []
    writing = database.Database.writing
    monkeypatch.setattr(database.Database, "writing", lambda self, work: waited.append(work) or writing(self, work))
    async with holdall.open(config) as store:
        await store.create(owner="ana", messages=[said("one")])
        (file,) = (tmp_path / "search").glob("index-*.db")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            found = await asyncio.gather(*[store.search("one") for _ in range(5)], return_exceptions=True)
            assert [type(each) for each in found] == [StorageBusy] * 5
            assert len(waited) == 1
            other.execute("ROLLBACK")
        assert len(await store.search("one")) == 1


async def test_nobody_waits_for_ever_for_one_who_was_stopped_while_it_makes_the_file(config, tmp_path):
    async with holdall.open(config) as store:
        await store.create(owner="ana", messages=[said("one")])
        with locking.locked(tmp_path / "search" / "lock", 0):
            for file in (tmp_path / "search").glob("index-*"):  # so it must be made anew
                file.unlink()
            with pytest.raises(StorageBusy, match="the search index is being made by another process"):
                await store.search("one")
        assert len(await store.search("one")) == 1


def in_child(work):
    """What ``work`` gives back, in text, in a child that is forked now."""
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(says, repr(in_thread(work)).encode())
        os._exit(0)
    os.close(says)
    os.waitpid(child, 0)
    with os.fdopen(hears, "rb") as answer:
        return answer.read().decode()


def in_thread(work):
    """The same, in a thread without a loop."""
    found = []

    def run():
        try:
            found.append(work())
        except StorageUnavailable as error:
            found.append(type(error).__name__)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def locks_of_sqlite():
    locks = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    return sum(f" {os.getpid()} " in line and "POSIX" in line for line in locks)


pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc/locks"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]


def test_a_child_has_its_own_locks_on_the_index(tmp_path):
    """SQLite takes those of the parent for its own, and then has none: the next one to close would take itself for the last."""
    index = FtsSearchIndex(tmp_path)

    def anew():
        with closing(FtsSearchIndex(tmp_path)):
            return locks_of_sqlite()

    def on():
        index.walked()
        return locks_of_sqlite()

    ours = locks_of_sqlite()
    assert ours > 0
    assert in_child(anew) == in_child(on) == str(ours)
    assert locks_of_sqlite() == ours
    index.close()


def test_a_child_that_comes_while_the_index_is_used_does_not_use_it(tmp_path):
    index = FtsSearchIndex(tmp_path)
    found = index._database.reading(lambda _: in_child(lambda: FtsSearchIndex(tmp_path)))
    assert found == "'StorageUnavailable'"
    index.walked()
    index.close()


def test_a_child_that_comes_while_the_file_is_made_does_not_keep_it_locked(tmp_path):
    end, other_end = os.pipe()
    hears, says = os.pipe()
    with locking.locked(tmp_path / "lock", 0):
        child = os.fork()
        if child == 0:
            os.close(other_end)
            os.write(says, b"!")
            os.read(end, 1)
            os._exit(0)
    os.read(hears, 1)
    try:
        with locking.locked(tmp_path / "lock", 0):
            pass
    finally:
        for fd in (end, other_end, hears, says):
            os.close(fd)
        os.waitpid(child, 0)
