"""Looks at sessions through the public API, and at what lies beneath it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdall.contract import Head, Scan
from holdall.errors import NotFound
from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.sessions.views import Message, Page, ToolRun
from holdall.testing.crash.sessions.acts import Seen

__all__ = ["every_head", "every_session", "listed", "mine", "see", "texts_of"]

_PAGE = 100
T = TypeVar("T")


async def see(session: Session) -> Seen:
    """Everything of one session."""
    runs = [run.status for run in await _tool_runs(session)]
    return Seen(
        status=session.status,
        ttl=session.as_dict()["ttl"],
        note=session.metadata.get("note", 0),
        texts=[message.text for message in await texts_of(session)],
        runs=runs,
    )


async def texts_of(session: Session) -> list[Message]:
    """Its messages, page by page from the last to the first."""

    async def page(before: str | None) -> Page[Message]:
        return await session.history(limit=_PAGE, before=before)

    messages = await _backwards(page)
    ids = [message.id for message in messages]
    assert ids == sorted(set(ids)), f"the pages of {session.id} do not follow each other"
    return messages


async def _tool_runs(session: Session) -> list[ToolRun]:
    async def page(before: str | None) -> Page[ToolRun]:
        return await session.tool_runs(limit=_PAGE, before=before)

    return await _backwards(page)


async def _backwards(page_before: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    found: list[T] = []
    before: str | None = None
    while True:
        page = await page_before(before)
        found[:0] = page.items
        before = page.previous
        if before is None:
            return found


async def listed(store: Store, owner: str | None = None, status: str | None = None) -> list[str]:
    """The ids of a listing, in its order, page by page."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.list(owner=owner, status=status, limit=_PAGE, cursor=cursor)
        ids += [session.id for session in page.items]
        cursor = page.next
        if cursor is None:
            return ids


async def mine(store: Store, owner: str) -> dict[str, Session]:
    """The sessions of one client by their titles."""
    found = [await store.get(name) for name in await listed(store, owner)]
    return {session.title or "": session for session in found}


async def every_head(store: Store) -> list[Head]:
    """Every partition that the storage has, whatever it is for."""
    heads: list[Head] = []
    after: tuple[int, str] | None = None
    while True:
        page = await store.engine.storage.scan(Scan(None, after, _PAGE))
        heads += [item.head for item in page]
        if len(page) < _PAGE:
            return heads
        after = (0, heads[-1].partition)


async def every_session(store: Store, heads: list[Head]) -> list[Session]:
    """The live sessions among ``heads``, most recently active first, found without any listing."""
    found: list[Session] = []
    for head in heads:
        kind, _, name = head.partition.partition("/")
        if kind == "session":
            try:
                found.append(await store.get(name))
            except NotFound:
                continue  # deleted or expired, and not yet swept
    return sorted(found, key=lambda session: (-session.state.active_at, session.id))
