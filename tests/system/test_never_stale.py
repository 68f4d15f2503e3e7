"""The cache is never stale: one process reads what another has written, whatever the policy and whatever was cached."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

import holdall
from holdall.errors import NotFound
from holdall.sessions import reader

POLICIES = [None, "lru", "sieve", "tinylfu", "ttl"]
WRITER = """
import asyncio, json, sys, holdall

async def main(config):
    async with holdall.open(config) as store:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, deed, number = json.loads(line)
            if deed == "append":
                await store.append(name, [{"role": "user", "content": f"{number}"}])
            elif deed == "update":
                await store.update(name, title=f"{number}")
            elif deed == "clear":
                await store.clear(name)
            else:
                await store.delete(name)
            print("done", flush=True)

asyncio.run(main(json.loads(sys.argv[1])))
"""


def config(folder, policy):
    options = {"ttl": 3600} if policy == "ttl" else {}
    return {
        "storage": {"use": "file", "options": {"path": str(folder / "data")}},
        "cache": {"policy": policy, "options": options, "max_bytes": 20_000},
        "sessions": {"sweep_every": 0},
    }


class Other:
    """The other process, which writes what it is told."""

    def __init__(self, process):
        self.process = process

    async def do(self, *deed):
        self.process.stdin.write(json.dumps(deed).encode() + b"\n")
        assert await self.process.stdout.readline() == b"done\n"


async def stale(folder, policy):
    """Every answer that was older than what the other process had written, told in words."""
    made = config(folder, policy)
    found = []
    async with holdall.open(made) as store:
        names = [(await store.create(owner="ana", messages=[{"role": "user", "content": "0"}])).id for _ in range(12)]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, json.dumps(made), **pipes)
        try:
            assert await process.stdout.readline() == b"ready\n"
            other = Other(process)
            for number in range(1, 5):
                for name in names:
                    for _ in range(2):
                        await store.history(name)
                    await other.do(name, "append", number)
                    said = [item.content for item in (await store.history(name)).items]
                    found += [] if said[-1] == str(number) else [f"{number} was not seen: {said}"]
                    await other.do(name, "update", number)
                    title = (await store.get(name)).title
                    found += [] if title == str(number) else [f"title {number} was not seen: {title}"]
            await other.do(names[0], "clear", 0)
            found += ["a clear was not seen"] if (await store.history(names[0])).items else []
            await other.do(names[1], "delete", 0)
            try:
                await store.history(names[1])
                found.append("a deletion was not seen")
            except NotFound:
                pass
            assert store.engine.states.hits > 20
            assert store.engine.states.size <= 20_000
        finally:
            process.stdin.close()
            await process.wait()
    return found


@pytest.mark.covers("OP-05")
@pytest.mark.parametrize("policy", POLICIES)
async def test_what_another_process_wrote_is_seen_at_once(tmp_path, policy):
    assert await stale(tmp_path, policy) == []


async def test_a_cache_that_trusts_what_it_has_would_be_caught(tmp_path, monkeypatch):
    """The control: without the comparison of versions the test must find something."""
    monkeypatch.setattr(reader, "moved", lambda known, _head: known)
    assert await stale(tmp_path, None) != []
