"""The disk is full to the brim: it is said, and everything is read and deleted as before; then it goes on."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

import holdall
from holdall.codecs import Codec
from holdall.errors import NotFound, StorageFull, TooLarge
from holdall.testing.clock import ManualClock
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import child, fill_up, missing, settings, small_disk

SAID = "x" * 20_000
FRESH = """
import asyncio, holdall, json, sys
async def main():
    async with holdall.open(json.loads(sys.argv[1])) as store:
        print(len((await store.list(owner="ana")).items))
        await store.delete(sys.argv[2])
asyncio.run(main())
"""


async def append_on(session: holdall.Session) -> None:
    for _ in range(200):  # what was allocated ahead is used up first
        await session.append([{"role": "user", "content": SAID}])


@pytest.mark.covers("QA-08")
@cells("ENOSPC / EDQUOT", file="T", diskcache="T", tinydb="T")
async def test_matrix(backend: str, tmp_path: Path) -> None:
    """Writes are refused by type, reads and deletes are not; the sweeper frees room, and the next write succeeds."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        config, clock = settings(backend, disk), ManualClock()
        filler = disk / "filler"
        async with holdall.open(config, clock=clock) as store:
            made = [await store.create(owner="ana", title=str(n)) for n in range(6)]
            for session in made:
                await session.append([{"role": "user", "content": SAID}])
            await store.list(owner="ana")
            fill_up(filler)
            with pytest.raises(StorageFull):
                await append_on(made[0])
            assert store.health() is not None
            assert [item.text for item in await store.history(made[1].id)] == [SAID]
            assert len((await store.list(owner="ana")).items) == len(made)
            await store.delete(made[1].id)
            with pytest.raises(NotFound):
                await store.get(made[1].id)
            await asyncio.gather(*(store.delete(session.id) for session in made[2:4]))
        other = child(FRESH, json.dumps(config), made[4].id)
        assert (other.stdout, other.returncode) == ("3\n", 0), other.stderr
        clock.advance(10)
        async with holdall.open(config, clock=clock) as store:
            await store.sweep()
            assert [session.id for session in (await store.list(owner="ana")).items] in (
                [made[0].id, made[5].id],
                [made[5].id, made[0].id],
            )
            filler.unlink()
            await store.append(made[5].id, [{"role": "user", "content": "after"}])
            assert store.health() is None
            assert (await verify(store.engine.storage, Codec())).problems == []
            assert [item.text for item in await store.history(made[5].id)] == [SAID, "after"]


@cells("ENOSPC / EDQUOT", memory="T")
async def test_the_limits_that_are_configured(backend: str, tmp_path: Path) -> None:
    """Memory has no disk to fill; what a session may take is limited, refused by type, and costs nothing else."""
    config = settings(backend, tmp_path)
    config["sessions"] |= {"max_message_bytes": 1000, "max_messages": 3, "max_session_bytes": 2000}
    async with holdall.open(config) as store:
        many, large = await store.create(owner="ana"), await store.create(owner="ana")
        with pytest.raises(TooLarge, match="1,000"):
            await many.append([{"role": "user", "content": "x" * 1001}])
        for n in range(3):
            await many.append([{"role": "user", "content": str(n)}])
        with pytest.raises(TooLarge, match="limit of 3"):
            await many.append([{"role": "user", "content": "one too many"}])
        await large.append([{"role": "user", "content": "x" * 800}])
        with pytest.raises(TooLarge, match="2,000"):
            await large.append([{"role": "user", "content": "y" * 800}] * 2)
        assert [item.text for item in await many.history()] == ["0", "1", "2"]
        assert (await large.history()).items[0].text == "x" * 800
        assert (await verify(store.engine.storage, Codec())).problems == []
        assert store.health() is None
        await store.delete(large.id)
        await store.create(owner="ana", messages=[{"role": "user", "content": "after"}])


WRITER = """
import asyncio, holdall, json, os, sys
said = []
async def main():
    async with holdall.open(json.loads(sys.argv[1])) as store:
        session = await store.get_or_create(owner="ana", key="one")
        for n in range(12):
            try:
                await session.append([{"role": "user", "content": f"m{n}"}])
                said.append(["ok", f"m{n}"])
            except holdall.StorageError as error:
                said.append([type(error).__name__, f"m{n}"])
        said.append(["health", store.health()])
try:
    asyncio.run(main())
except holdall.StorageError as error:
    said.append(["closing", type(error).__name__])
os.writev(1, [json.dumps(said).encode()])
"""
"""It tells what came of it by a call that no fault touches."""
QUOTA = {"file": (8, 13), "tinydb": (2, 4)}
"""From which call on, by each thread, the writes are refused."""


@cells("ENOSPC / EDQUOT", file="T", tinydb="T")
async def test_quota(backend: str, tmp_path: Path) -> None:
    """From some write on all are over the quota: those steps are refused by type, and what was acknowledged is kept."""
    if shutil.which("strace") is None:
        missing("strace")
    refused = list[str]()
    for call in QUOTA[backend]:
        config = settings(backend, tmp_path / str(call))
        async with holdall.open(config) as store:
            await store.get_or_create(owner="ana", key="one")
        before = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=write,pwrite64")
        inject = ("-e", f"inject=write,pwrite64:error=EDQUOT:when={call}+")
        ran = child(WRITER, json.dumps(config), before=(*before, *inject))
        assert ran.returncode == 0, ran.stderr
        said = json.loads(ran.stdout)
        mine = [word for word, _ in said if word.startswith("Storage")]
        assert not mine or [text for word, text in said if word == "health"] != [None], "health says nothing"
        refused += mine
        async with holdall.open(config) as store:
            session = await store.get_or_create(owner="ana", key="one")
            left = iter([item.text for item in await session.history(limit=100)])
            assert all(text in left for word, text in said if word == "ok")
            assert (await verify(store.engine.storage, Codec())).problems == []
            await session.append([{"role": "user", "content": "after"}])
    assert refused, "no write was refused: the fault was not there"
