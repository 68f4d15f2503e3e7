"""The child that is killed: a client of ``holdall.open``, which says what it intends and what was acknowledged."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.testing.crash.saying import play, say, telling
from holdall.testing.crash.sessions.acts import COMMON, DAY, Act, Client
from holdall.testing.crash.sessions.seeing import mine, see
from holdall.testing.opening import Subject
from holdall.testing.stores import ShiftedClock, store_of

__all__ = ["carry_out", "main"]


def messages(act: Act) -> list[dict[str, Any]]:
    """What an act appends."""
    return [{"role": "user", "content": text} for text in act.texts]


async def carry_out(store: Store, name: str, act: Act, known: dict[str, Session]) -> None:
    """Do one act; returns when it is acknowledged. ``known`` are the client's sessions by their titles."""
    if act.verb == "create":
        known[act.title] = await store.create(
            owner=name, title=act.title, ttl=act.ttl, messages=messages(act), idempotency_key=act.key
        )
    elif act.verb == "claim":
        known[act.title] = await store.get_or_create(
            owner=name, key=act.key or "", title=act.title, ttl=act.ttl, messages=messages(act)
        )
    elif act.verb == "common":
        session = await store.get_or_create(owner=COMMON, key=COMMON)
        await session.append(messages(act), key=act.key)
    elif act.verb == "sweep":
        await store.sweep()
    else:
        await change(known[act.title], act)


async def change(session: Session, act: Act) -> None:
    """Do what is done to a session that is there."""
    if act.verb == "append":
        several = messages(act)
        await session.append(several[0] if len(several) == 1 else several, key=act.key)
    elif act.verb == "update":
        await session.update(metadata={"note": act.number}, tags=[f"tag {act.number % 5}"], expect=session.version)
    elif act.verb == "log":
        await session.log_tool("search", status="running")
    elif act.verb == "finish":
        page = await session.tool_runs(limit=500, status="running")
        await session.finish_tool_run(page.items[0].id, status="succeeded", result="found")
        await session.refresh()
    elif act.verb == "extend":
        await session.extend(ttl=act.ttl)
    elif act.verb == "clear":
        await session.clear()
    elif act.verb == "end":
        await session.end(reason="enough", force=act.number % 2 == 0)
    else:
        assert act.verb == "delete", act.verb
        await session.delete()


async def player(store: Store, name: str, task: Mapping[str, Any]) -> Callable[[], Awaitable[None]]:
    """What one client does next, again and again."""
    known = await mine(store, name)
    client = Client(task["seed"], name, task["cycle"], {title: await see(one) for title, one in known.items()})
    return lambda: carry_out(store, name, client.next(), known)


async def main(task: Mapping[str, Any]) -> None:
    """Open the store, find out where it stands, and act until the end."""
    subject, clock = Subject(task["plugin"], task["file"]), ShiftedClock(task["cycle"] * DAY)
    with telling(task["writers"]):
        async with store_of(subject, task["options"], clock=clock) as store:
            players = [play(name, await player(store, name, task)) for name in task["writers"]]
            say("ready")
            await asyncio.to_thread(sys.stdin.readline)
            await asyncio.gather(*players)
