"""Which sessions the threads of an owner are: one for each namespace, all with a tag of the thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from holdall import Session, Store

__all__ = ["Sessions", "hashed", "listed"]

_TAG = "langgraph"
_PAGE = 500
_KEY = 200


class Sessions:
    """The sessions of threads in ``store``, of ``owner``, and what is said of them when they are created."""

    def __init__(self, store: Store, owner: str | None, fields: Mapping[str, Any]) -> None:
        self.store = store
        self._owner = owner
        self._fields = fields

    async def of(self, name: str | None) -> AsyncIterator[tuple[str, str]]:
        """Thread and namespace of each session of a thread, or of all threads, the latest first."""
        async for session in listed(self.store, self._owner, _TAG if name is None else _tag(name)):
            about = session.metadata
            yield about["thread_id"], about["checkpoint_ns"]

    async def session(self, name: str, namespace: str, *, create: bool) -> str | None:
        """The id of a namespace's session; that of the thread itself is what the owner calls by the thread's id."""
        key = name if not namespace and 0 < len(name) <= _KEY else f"{_TAG}/{hashed(name, namespace)}"
        if not create:
            found = await self.store.find(owner=self._owner, key=key)
            return found and found.id
        metadata = {**self._fields.get("metadata", {}), "thread_id": name, "checkpoint_ns": namespace}
        tags = [*self._fields.get("tags", ()), _TAG, _tag(name)]
        fields: dict[str, Any] = {**self._fields, "metadata": metadata, "tags": tags}
        return (await self.store.get_or_create(owner=self._owner, key=key, **fields)).id


async def listed(store: Store, owner: str | None, tag: str) -> AsyncIterator[Session]:
    """Every session with a tag."""
    cursor = None
    while True:
        page = await store.list(owner=owner, tag=tag, limit=_PAGE, cursor=cursor)
        for session in page:
            yield session
        cursor = page.next
        if cursor is None:
            return


def hashed(*parts: str) -> str:
    """A short name for some texts."""
    return sha256(msgspec.json.encode(parts)).hexdigest()[:40]


def _tag(name: str) -> str:
    return f"{_TAG}:{hashed(name)}"
