"""Conversations that branch, as ChatGPT exports them, and what becomes of them in a store."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import holdall
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import StoreTarget

__all__ = ["TALK", "all_paths", "bring", "narrow", "node", "original", "shown", "talk", "write"]


def narrow() -> AbstractAsyncContextManager[Store]:
    """A store in memory that takes few branches."""
    return holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0, "max_branches": 20}})


def node(name: str, parent: str | None, *children: str, said: Any = None, role: str = "user") -> dict[str, Any]:
    message = None if said is None else {"id": name, "author": {"role": role}, "create_time": 1_772_359_200.25,
        "content": {"content_type": "text", "parts": [said]}, "metadata": {"model_slug": "model-x"}}  # fmt: skip
    return {"id": name, "message": message, "parent": parent, "children": list(children)}


def talk(current: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    return {"title": "A talk", "mapping": {one["id"]: one for one in nodes}, "current_node": current, "id": "talk-1"}


TALK = talk(
    "b2",
    node("root", None, "q"),
    node("q", "root", "a", "b", said="question"),
    node("a", "q", "a2", said="first answer", role="assistant"),
    node("b", "q", "b2", said="second answer", role="assistant"),
    node("a2", "a", said="on the first"),
    node("b2", "b", said="on the second"),
)


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1))


async def bring(store: Store, path: Path, *conversations: Any, target: StoreTarget | None = None) -> FileReport:
    write(path, list(conversations))
    return await import_file(target or StoreTarget(store), path, Choices("ana"))


async def shown(store: Store, session: str, branch: str | None = None) -> list[Any]:
    return [message.text for message in await store.history(session, branch=branch)]


async def all_paths(store: Store, session: str) -> list[list[Any]]:
    page = await store.branches(session, limit=100)
    return sorted([await shown(store, session, branch.name) for branch in page.items])


async def original(store: Store, session: str) -> Any:
    return json.loads(b"".join([piece async for piece in export(store, session, "original")]))
