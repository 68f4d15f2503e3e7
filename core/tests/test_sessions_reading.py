"""Reading: what it needs, and that it never shows anything but one stored moment."""

from __future__ import annotations

import subprocess
import sys

import pytest

COLD = """
import asyncio, sys
from types import SimpleNamespace
from holdall.caching import Cache, LeastRecentlyUsed
from holdall.clock import SystemClock
from holdall.codecs import Codec
from holdall.contract import Head, ISessionStorage, Lane, Snapshot
from holdall.sessions.engine import Engine
from holdall.sessions.store import Store

NAME = "0123456789abcdef"
HEAD = Head("session/" + NAME, 5, 5, lanes={"session": Lane(0, 1), "messages/main": Lane(0, 1)}, marks={"recent": 5})
RECORD = b'{"format":1,"id":"%b","owner":"ana","created_at":5}' % NAME.encode()
RECORDS = {("session", 0): RECORD, ("messages/main", 0): b'{"id":"msg_main_0000000000","role":"user","content":"x"}'}

class One(ISessionStorage):
    async def load(self, partition, *spans):
        return Snapshot(HEAD, {address: RECORDS[address] for address in HEAD.addresses(spans)})
    async def scan(self, scan):
        return [await self.load(HEAD.partition, *scan.spans)]
    commit = drop = load

async def main():
    engine = Engine(One(), clock=SystemClock(), policy=SimpleNamespace(max_page=500), codec=Codec(),
                    cache=Cache(LeastRecentlyUsed(), 1 << 20))
    store = Store(engine)
    assert (await store.get(NAME)).owner == "ana"
    assert [session.id for session in await store.list()] == [NAME]
    assert [message["content"] for message in await store.history(NAME)] == ["x"]

asyncio.run(main())
print(sorted({name.partition(".")[0] for name in sys.modules} & {"pydantic", "pydantic_core", "jsonschema"}))
"""


@pytest.mark.covers("ST-16")
def test_a_cold_read_imports_nothing_that_checks_input():
    found = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("[]\n", "")
