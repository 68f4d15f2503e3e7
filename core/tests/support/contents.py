"""A store with some of everything in it, and all that a storage holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdall.contract import ISessionStorage, Scan, Snapshot, Span
from holdall.sessions.store import Store

__all__ = ["content", "fill", "unversioned"]


async def fill(store: Store) -> list[str]:
    """Sessions of every kind; their ids."""
    ids: list[str] = []
    for number in range(5):
        session = await store.get_or_create(owner="ana", key=f"k{number}", tags=["t"], ttl=3600)
        await store.append(
            session.id,
            [{"role": "user", "content": f"{number} {n}"} for n in range(number * 60)]
            or [{"role": "user", "content": ""}],
            tools=[{"tool": "ls", "status": "running"}],
            originals=["{}", "é"],
            key="once",
        )
        ids.append(session.id)
    await store.finish_tool_run(ids[1], "toolrun_0000000000", result=1)
    await store.fork(ids[1], at="msg_main_0000000004", name="other", switch=True)
    await store.append(ids[1], [{"role": "user", "content": "on the other branch"}])
    await store.edit(ids[1], "msg_main_0000000003", {"content": "edited"})
    await store.clear(ids[2])
    await store.end(ids[3])
    await store.delete(ids[4])
    await store.heartbeat(ids[0])
    return ids


async def content(storage: ISessionStorage) -> dict[str, Snapshot]:
    found = await storage.scan(Scan(limit=1000))
    spans = {item.head.partition: [Span(lane) for lane in item.head.lanes] for item in found}
    loaded = [await storage.load(name, *spans[name]) for name in spans]
    return {item.head.partition: item for item in loaded if item is not None}


def unversioned(held: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
    """What a restore brings back: everything but the versions, which are of its own time."""
    found: dict[str, Snapshot] = {}
    for name, item in held.items():
        lanes = {lane: replace(run, rewritten=0) for lane, run in item.head.lanes.items()}
        found[name] = Snapshot(replace(item.head, version=0, lanes=lanes), item.records)
    return found
