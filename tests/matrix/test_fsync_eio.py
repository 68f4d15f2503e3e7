"""A sync fails, for real: the write is refused, the store says that it is not well, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import holdall
from holdall.codecs import Codec
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import child, missing, settings

WRITER = """
import asyncio, holdall, json, sys
async def main():
    async with holdall.open(json.loads(sys.argv[1])) as store:
        session = await store.get_or_create(owner="ana", key="one")
        for n in range(12):
            try:
                await session.append([{"role": "user", "content": f"m{n}"}])
                print("ok", n, flush=True)
            except holdall.StorageError as error:
                print("failed", n, type(error).__name__, store.health() is not None, flush=True)
        print("health", store.health() is not None, flush=True)
asyncio.run(main())
"""


CALLS = {"file": (6, 9), "diskcache": (25, 28), "tinydb": (6, 9)}
"""Which sync of the writing thread fails: one behind those of the opening."""


@cells("fsync EIO", file="T+D", diskcache="T+D", tinydb="T+D")
async def test_matrix(backend: str, tmp_path: Path) -> None:
    """One sync in the middle of the appends gives EIO; every acknowledged message is there afterwards."""
    if shutil.which("strace") is None:
        missing("strace")
    config = settings(backend, tmp_path)
    async with holdall.open(config) as store:
        await store.get_or_create(owner="ana", key="one")
    met = 0
    for call in CALLS[backend]:
        where = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync")
        inject = ("-e", f"inject=fsync,fdatasync:error=EIO:when={call}")
        ran = child(WRITER, json.dumps(config), before=(*where, *inject))
        lines = [line.split() for line in ran.stdout.splitlines()]
        failed = [line for line in lines if line[0] == "failed"]
        met += len(failed)
        assert all(line[3] == "True" for line in failed), ran.stdout
        if failed:
            assert ["health", "True"] in lines, ran.stdout + ran.stderr
        acknowledged = [f"m{line[1]}" for line in lines if line[0] == "ok"]
        async with holdall.open(config) as store:
            session = await store.get_or_create(owner="ana", key="one")
            kept = [item.text for item in await session.history(limit=100)]
            left = iter(kept)
            assert all(text in left for text in acknowledged), (acknowledged, kept)
            assert store.health() is None
            assert (await verify(store.engine.storage, Codec())).problems == []
            await session.append([{"role": "user", "content": "after"}])
    assert met, "no sync failed: the fault was not there"
