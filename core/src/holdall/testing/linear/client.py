"""The process that the clients live in: each notes its calls on the pipe, until the work is done or it is killed."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from holdall.errors import Conflict, NotFound, StorageError
from holdall.sessions.names import message_position
from holdall.sessions.store import Store
from holdall.testing.linear.history import PAGE, Call, Result
from holdall.testing.opening import Subject
from holdall.testing.stores import store_of

__all__ = ["main"]

OWNER = "racers"
VERBS = {"append": 36, "update": 22, "page": 18, "get": 14, "open": 6, "delete": 4}


def say(word: str, number: str, told: Mapping[str, Any]) -> None:
    """One short write, so that it arrives whole or not at all."""
    os.write(1, f"{word} {number} {json.dumps(told)}\n".encode())


async def carry_out(store: Store, call: Call) -> Result:
    """Make a call; what it answered."""
    if call.verb == "open":
        session = await store.get_or_create(owner=OWNER, key=call.key)
        return Result(session=session.id, version=session.version, new=session.new)
    if call.verb == "append":
        appended = await store.append(call.session, [{"role": "user", "content": call.text}])
        position = message_position(appended.messages[0].id)
        return Result(version=appended.state.head.changed, count=position)
    if call.verb == "update":
        session = await store.update(call.session, metadata={"note": call.note}, expect=call.expect)
        return Result(version=session.version)
    if call.verb == "page":
        page = await store.history(call.session, limit=PAGE)
        return Result(version=page.version or 0, texts=tuple(message.text for message in page.items))
    if call.verb == "get":
        session = await store.get(call.session)
        return Result(version=session.version, note=session.metadata.get("note", 0), count=session.counts.messages)
    await store.delete(call.session)
    return Result()


@dataclass(slots=True)
class Client:
    """One of the racers: what it does, and what it knows."""

    name: str
    random: Random
    keys: list[str]
    numbers: Iterator[int] = field(default_factory=itertools.count)
    known: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """Of each key the session's id and its version, as last heard."""

    def next(self) -> tuple[str, Call]:
        """The next call, and its number."""
        n = next(self.numbers)
        key = self.random.choice(self.keys)
        session, version = self.known.get(key, ("", 0))
        verb = self.random.choices(list(VERBS), list(VERBS.values()))[0] if session else "open"
        call = Call(key, verb, time.monotonic_ns(), session, f"{self.name}/{n}", n, version)
        return f"{self.name}/{n}", call

    def learn(self, call: Call, result: Result) -> None:
        """Know what was heard; after a conflict, that there is something to ask for."""
        if result.kind == "gone" or call.verb == "delete":
            self.known.pop(call.key, None)
        elif result.version:
            self.known[call.key] = result.session or call.session, result.version


async def race(store: Store, client: Client, count: int) -> None:
    """Make so many calls."""
    for _ in range(count):
        number, call = client.next()
        say("begin", number, asdict(call))
        try:
            result = await carry_out(store, call)
        except NotFound:
            result = Result("gone")
        except Conflict:
            result = Result("conflict")
        except StorageError as error:  # it may have happened, or not
            say("lost", number, {"error": repr(error)[:300]})
            continue
        say("end", number, {"ended": time.monotonic_ns(), "result": asdict(result)})
        client.learn(call, result)


async def main(task: Mapping[str, Any]) -> None:
    """Open the store, wait for the others, race."""
    logging.getLogger("holdall").setLevel(logging.CRITICAL)
    async with store_of(Subject(task["plugin"], task["file"]), task["options"]) as store:
        os.write(1, b"ready\n")
        await asyncio.to_thread(sys.stdin.readline)
        clients = [Client(name, Random(f"{task['seed']}/{name}"), task["keys"]) for name in task["clients"]]  # noqa: S311
        await asyncio.gather(*(race(store, client, task["count"]) for client in clients))
    os.write(1, b"done\n")
