"""Clients that follow a session through two workers, one of which is killed now and then, while everybody writes."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from pathlib import Path

import httpx
import pytest

import holdall
from tests.system.conftest import serving, write_config
from tests.system.stopping import workers_of

pytestmark = pytest.mark.crash


class Follower:
    """Follows by the specification, and loses its connection again and again."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self.url, self.chance = url, chance
        self.told: list[tuple[str, str]] = []
        self.last, self.connections, self.done = "0", 0, False

    async def follow(self) -> None:
        while not self.done:
            try:
                async with httpx.AsyncClient(timeout=30) as client:
                    await self._once(client)
            except httpx.HTTPError:
                await asyncio.sleep(0.05)

    async def _once(self, client: httpx.AsyncClient) -> None:
        enough = self.chance.randint(1, 12)
        async with client.stream("GET", self.url, headers={"Last-Event-ID": self.last}) as response:
            if response.status_code == 204:
                self.done = True
                return
            if response.status_code != 200:
                return
            self.connections += 1
            name, kind, data = "", "", ""
            async for line in response.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "id":
                    name = value
                elif field == "event":
                    kind = value
                elif field == "data":
                    data = value
                elif not line and data:
                    self.last = name
                    self.told.append((name, kind if kind != "appended" else json.loads(data)["message"]["content"]))
                    name, kind, data = "", "", ""
                    enough -= 1
                    if not enough:
                        return


async def write_over_http(url: str, name: str, until: asyncio.Event) -> list[str]:
    """Append until told to stop; what was acknowledged."""
    said: list[str] = []
    number = 0
    while not until.is_set():
        try:
            async with httpx.AsyncClient(timeout=30) as client:
                while not until.is_set():
                    number += 1
                    body = {"messages": [{"role": "user", "content": f"{name} {number}"}]}
                    if number % 5 == 0:
                        body["tools"] = [{"tool": name}]
                    if (await client.post(f"{url}/messages", json=body)).status_code == 201:
                        said.append(f"{name} {number}")
                    await asyncio.sleep(0.01)
        except httpx.HTTPError:
            await asyncio.sleep(0.05)
    return said


async def write_beside(config: Path, session: str, until: asyncio.Event) -> list[str]:
    """The same from Python, in a process of its own as the server sees it."""
    said: list[str] = []
    async with holdall.open(config) as store:
        while not until.is_set():
            text = f"beside {len(said)}"
            await store.append(session, [{"role": "user", "content": text}])
            said.append(text)
            if len(said) % 7 == 0:
                await store.update(session, title=text)
            await asyncio.sleep(0.02)
    return said


@pytest.mark.covers("LC-15", "QA-04")
async def test_every_event_is_told_once_and_in_order_whatever_happens(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    config, port = write_config(tmp_path, "file", workers=2)
    with serving(config, port) as server:
        with server.client() as client:
            session = client.post("/api/sessions").json()["id"]
        url = f"{server.url}/api/sessions/{session}"
        followers = [Follower(f"{url}/events", random.Random(chance.random())) for _ in range(5)]
        until = asyncio.Event()
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.follow())
            writers = [group.create_task(write_over_http(url, name, until)) for name in "ab"]
            writers.append(group.create_task(write_beside(config, session, until)))
            for _ in range(3):
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                os.kill(chance.choice(workers_of(server.process.pid)), signal.SIGKILL)
            await asyncio.sleep(1)
            until.set()
            said = [text for writer in writers for text in await writer]
            async with holdall.open(config) as store:
                await store.end(session)
    async with holdall.open(config) as store:
        whole = [change async for change in store.follow(session, "0")]
        history, page = [], await store.history(session, limit=500)
        while page is not None:
            history[:0] = [message.content for message in page]
            page = await store.history(session, limit=500, before=page.previous) if page.previous else None
    order = [(change.id, change.message["content"] if change.type == "appended" else change.type) for change in whole]
    assert len({name for name, _ in order}) == len(order)
    assert [text for _, text in order if " " in text] == history
    assert set(said) <= set(history)
    for follower in followers:
        assert follower.told == order
    assert sum(follower.connections for follower in followers) > 15
