"""What a process knows of one thread's session: where its steps lie. Read once, and then only what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from holdall import Message, NotFound, Store, ToolRun
from holdall_langgraph.messages import FIELD, Place, digest, loaded
from holdall_langgraph.records import CHECKPOINT, REMOVED, WRITES

__all__ = ["Step", "Trail"]

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Step:
    """A checkpoint, as far as finding it needs."""

    id: str
    parent: str | None
    run_id: str | None
    at: str
    """The id of its entry."""


@dataclass(slots=True)
class Trail:
    """The steps and messages of one session, as of ``version``."""

    store: Store
    session: str
    version: int = -1
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    writes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By checkpoint, the ids of the entries with its pending writes."""
    values: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """By channel and version, the id of the entry that has the value."""
    elements: dict[bytes, tuple[Place, Place]] = field(default_factory=dict[bytes, tuple[Place, Place]])
    """By digest, where a message lies, and what is the place behind it."""
    first: str | None = None
    last: str | None = None
    last_entry: str | None = None
    newest: str = ""
    """The greatest id of a checkpoint."""
    state: object = field(default_factory=object)
    """Another one whenever somebody else has changed the session, so that what was stored may be another thing now."""

    async def catch_up(self) -> None:
        """Know everything that is stored now."""
        while True:
            session = await self.store.get(self.session)
            if session.version == self.version:
                return
            if not session.counts.tools and self.steps:
                raise NotFound("session", self.session)  # it was cleared: nothing that is known of it holds
            self.state = object()
            await self._learn()
            self.version = session.version

    async def _learn(self) -> None:
        async for run in self._new(self.store.tool_runs, lambda: self.last_entry):
            self.see_entry(cast("ToolRun", run))
        async for message in self._new(self.store.history, lambda: self.last):
            self.see_message(cast("Message", message))

    async def _new(self, read: Callable[..., Any], last: Callable[[], str | None]) -> AsyncIterator[Mapping[str, Any]]:
        """What lies behind the last one that is known, in order."""
        if last() is None:
            pages: list[Sequence[Any]] = []
            before = None
            while True:
                page = await read(self.session, limit=_PAGE, before=before)
                pages.append(page.items)
                if page.previous is None:
                    break
                before = page.previous
            for items in reversed(pages):
                for item in items:
                    yield item
        while (after := last()) is not None:
            page = await read(self.session, limit=_PAGE, after=after)
            for item in page.items:
                yield item
            if page.next is None:
                return

    def see_entry(self, run: ToolRun) -> None:
        """Take in the next entry of the tool log."""
        self.last_entry = run.id
        given: dict[str, Any] = run.get("arguments") or {}
        if run.tool == CHECKPOINT:
            self.steps[given["id"]] = Step(given["id"], given["parent"], given["run"], run.id)
            self.newest = max(self.newest, given["id"])
            for channel, version in given["channels"].items():
                self.values[channel, version_key(version)] = run.id
        elif run.tool == WRITES:
            self.writes.setdefault(given["checkpoint"], []).append(run.id)
        elif run.tool == REMOVED:
            for gone in given["ids"]:
                self.steps.pop(gone, None)
                self.writes.pop(gone, None)
            self.newest = max(self.steps, default="")

    def see_message(self, message: Message) -> None:
        """Take in the next message."""
        place, self.last = (self.last, 0), message.id
        self.first = self.first or message.id
        if FIELD in message:
            self.elements[digest(loaded(message[FIELD]))] = place, (message.id, 0)

    async def messages(self, after: str | None, skip: int, count: int) -> list[Message]:
        """The messages of a run."""
        found: list[Message] = []
        if after is None and self.first is not None:
            found.append(await self.store.message(self.session, self.first))
            after = self.first
        while len(found) < skip + count:
            page = await self.store.history(self.session, after=after, limit=min(skip + count - len(found), _PAGE))
            if not page.items:
                raise NotFound("message", str(after))
            found += page.items
            after = page.items[-1].id
        return found[skip : skip + count]


def version_key(version: Any) -> str:
    """A channel's version, which may be text or a number, as text."""
    return msgspec.json.encode(version).decode()
