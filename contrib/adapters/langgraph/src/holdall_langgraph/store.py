"""The long-term memory: an item is a session, and each value that it was given is a message of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from holdall import Message, NotFound, Session, Store
from holdall_langgraph.bridge import Bridge
from holdall_langgraph.matching import matches, namespace_matches
from holdall_langgraph.sessions import hashed, listed

__all__ = ["HoldallStore"]

_TAG = "langgraph-store"
_DEEPEST = 14
"""Labels of a namespace by which items are found without reading others; a session has 16 tags."""


class HoldallStore(BaseStore):
    """Items in an open ``store``, as sessions of ``owner``. ``ttl`` are LangGraph's settings for how long they live.

    There is no search by meaning: a ``query`` is not looked at, as in LangGraph's stores without an index.
    """

    supports_ttl = True

    def __init__(
        self, store: Store, *, owner: str | None = None, ttl: TTLConfig | None = None, bridge: Bridge | None = None
    ) -> None:
        self.ttl_config = ttl
        self._bridge = bridge or Bridge()
        self._store = store
        self._owner = owner

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """See ``abatch``."""
        return self._bridge.wait(self.abatch(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do ``ops``: first what reads, then what writes, of several writes of one item the last."""
        asked = list(ops)
        results: list[Result] = [None if isinstance(op, PutOp) else await self._read(op) for op in asked]
        last = {(op.namespace, op.key): op for op in asked if isinstance(op, PutOp)}
        for op in last.values():
            await self._put(op)
        return results

    async def _read(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return await self._get(op)
        if isinstance(op, SearchOp):
            return await self._search(op)
        if isinstance(op, ListNamespacesOp):
            return await self._namespaces(op)
        raise ValueError(f"not an operation of a store: {op!r}")

    async def _get(self, op: GetOp) -> Item | None:
        session = await self._store.find(owner=self._owner, key=_key(op.namespace, op.key))
        if session is None:
            return None
        value = await self._value(session, refresh=op.refresh_ttl)
        return None if value is None else Item(**_about(session), value=value["value"])

    async def _search(self, op: SearchOp) -> list[SearchItem]:
        """The items below a namespace, the most recently written first."""
        found: list[SearchItem] = []
        skipped = 0
        async for session in listed(self._store, self._owner, _tag(op.namespace_prefix)):
            if len(found) >= op.limit:
                break
            about = _about(session)
            if about["namespace"][: len(op.namespace_prefix)] != op.namespace_prefix:
                continue
            if not op.filter and skipped < op.offset:
                skipped += 1
                continue
            value = await self._value(session, refresh=False)
            if value is None or not matches(value["value"], op.filter or {}):
                continue
            if skipped < op.offset:
                skipped += 1
                continue
            if op.refresh_ttl and session.expires_at is not None:
                await session.extend()
            found.append(SearchItem(**about, value=value["value"]))
        return found

    async def _value(self, session: Session, *, refresh: bool) -> Message | None:
        """The newest value of an item, whose time begins anew with ``refresh``; ``None`` if it went meanwhile."""
        try:
            page = await session.history(limit=1)
            if refresh and session.expires_at is not None:
                await session.extend()
        except NotFound:
            return None
        return page.items[0] if page.items else None

    async def _put(self, op: PutOp) -> None:
        key = _key(op.namespace, op.key)
        if op.value is None:
            found = await self._store.find(owner=self._owner, key=key)
            if found is not None:
                await found.delete()
            return
        ttl = None if op.ttl is None else max(round(op.ttl * 60), 1)
        message = {"role": "system", "content": "", "value": op.value}
        depths = range(min(len(op.namespace), _DEEPEST) + 1)
        fields: dict[str, Any] = {
            "project": "/".join(op.namespace)[:200],
            "tags": [_tag(op.namespace[:depth]) for depth in depths],
            "metadata": {"namespace": list(op.namespace), "key": op.key},
            "ttl": ttl,
        }
        while True:
            session = await self._store.get_or_create(owner=self._owner, key=key, messages=[message], **fields)
            if session.new:
                return
            try:
                await session.append(message)
                if session.as_dict()["ttl"] != ttl:
                    await session.update(ttl=ttl)
            except NotFound:  # it was deleted meanwhile
                continue
            return

    async def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        everything = {_about(session)["namespace"] async for session in listed(self._store, self._owner, _tag(()))}
        conditions = op.match_conditions or ()
        found = {each for each in everything if all(namespace_matches(each, one) for one in conditions)}
        if op.max_depth is not None:
            found = {each[: op.max_depth] for each in found}
        return sorted(found)[op.offset : op.offset + op.limit]


def _about(session: Session) -> dict[str, Any]:
    about = session.metadata
    created, updated = (datetime.fromtimestamp(at / 1000, UTC) for at in (session.created_at, session.active_at))
    return {
        "namespace": tuple(about["namespace"]),
        "key": about["key"],
        "created_at": created,
        "updated_at": updated,
    }


def _key(namespace: Sequence[str], key: str) -> str:
    return f"{_TAG}/{hashed(*namespace, '', key)}"


def _tag(prefix: Sequence[str]) -> str:
    return f"{_TAG}:{hashed(*prefix[:_DEEPEST])}"
