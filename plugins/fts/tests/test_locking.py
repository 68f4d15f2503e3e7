"""What a process that is stopped, or one that was forked, has of the index, and what becomes of the others.

Covers CV-06.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys

import pytest

import holdall
from holdall.errors import StorageBusy
from holdall_fts import database

FORKING = """
import asyncio, os, sys, holdall
def kept():
    links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return sorted({os.path.basename(link) for link in links if "/search/" in link})
async def main(data, search):
    config = {"storage": {"use": "file", "options": {"path": data}},
              "search": {"use": "fts", "options": {"path": search}, "every": 0}}
    async with holdall.open(config) as store:
        await store.create(owner="ana", messages=[{"role": "user", "content": "word one"}])
        assert len(await store.search("word")) == 1
        assert kept(), "the parent has the index open"
        child = os.fork()
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert len(await store.search("word")) == 1
            return
        os._exit(len(kept()))
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def config(tmp_path):
    return {
        "storage": {"use": "memory"},
        "search": {"use": "fts", "options": {"path": str(tmp_path / "search")}, "every": 0},
    }


async def test_nobody_waits_for_ever_for_a_process_that_is_stopped_with_the_lock(config, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_PATIENCE", 0.05)
    async with holdall.open(config) as store:
        await store.create(owner="ana", messages=[{"role": "user", "content": "word one"}])
        with (tmp_path / "search" / "lock").open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            for file in (tmp_path / "search").glob("index-*"):  # so it must be made anew, for which one needs the lock
                file.unlink()
            with pytest.raises(StorageBusy, match="the search index is being made by another process"):
                await store.search("word")
        assert len(await store.search("word")) == 1


def test_a_child_that_is_forked_keeps_nothing_of_the_index(tmp_path):
    """Of its parent's locks it would have none, and take them for its own."""
    words = [sys.executable, "-W", "ignore", "-c", FORKING, str(tmp_path / "data"), str(tmp_path / "search")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
