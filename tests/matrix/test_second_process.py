"""Another process opens the same store: the shared ones work, the others refuse it by type, at once and unharmed."""

from __future__ import annotations

import json
from pathlib import Path

import holdall
from tests.matrix.cells import cells
from tests.matrix.helping import child, settings

OTHER = """
import asyncio, holdall, json, sys
async def main():
    try:
        async with holdall.open(json.loads(sys.argv[1])) as store:
            for n in range(10):
                await store.append(sys.argv[2], [{"role": "user", "content": f"theirs {n}"}])
            print("worked")
    except holdall.StorageError as error:
        print(type(error).__name__)
asyncio.run(main())
"""


@cells("2nd process opens", file="R", diskcache="R", tinydb="T")
async def test_matrix(backend: str, tmp_path: Path) -> None:
    config, said = settings(backend, tmp_path), [f"mine {n}" for n in range(6)]
    async with holdall.open(config) as store:
        session = await store.create(owner="ana")
        for text in said[:3]:
            await session.append([{"role": "user", "content": text}])
        ran = child(OTHER, json.dumps(config), session.id)
        shared = backend != "tinydb"
        assert ran.stdout == ("worked\n" if shared else "StorageBusy\n"), ran.stderr
        theirs = [f"theirs {n}" for n in range(10)] if shared else []
        for text in said[3:]:
            await store.append(session.id, [{"role": "user", "content": text}])
        found = [item.text for item in await store.history(session.id, limit=100)]
        assert found == said[:3] + theirs + said[3:]
        assert store.health() is None
    async with holdall.open(config) as store:
        assert [item.text for item in await store.history(session.id, limit=100)] == found
