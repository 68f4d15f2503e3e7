"""Sessions, most recently active first, by one mark; other filters examine a bounded number of heads a page."""

from __future__ import annotations

import base64
import logging
from dataclasses import replace
from typing import Annotated

import msgspec

from holdall.contract import Head, Scan, Snapshot, Span
from holdall.errors import Damaged, Invalid
from holdall.sessions.engine import Engine
from holdall.sessions.names import RECENT, SESSION, hashed
from holdall.sessions.state import State
from holdall.sessions.views import Page

__all__ = ["Filters", "list_sessions"]

log = logging.getLogger("holdall.sessions")
_EXAMINED = 1000
_SPANS = (Span(SESSION, -1),)
_LONGEST = 400
_Score = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Partition = Annotated[str, msgspec.Meta(pattern="^session/[A-Za-z0-9_-]{16,64}$")]


class Filters(msgspec.Struct, frozen=True):
    """Which sessions; ``None`` leaves a field open."""

    owner: str | None = None
    project: str | None = None
    status: str | None = None
    tag: str | None = None

    @property
    def mark(self) -> str:
        """The mark that leaves the least to filter."""
        if self.owner is None:
            return RECENT
        for kind in ("project", "tag", "status"):
            value: str | None = getattr(self, kind)
            if value is not None:
                return hashed(f"owner+{kind}", self.owner, value)
        return hashed("owner", self.owner)

    def match(self, state: State) -> bool:
        """Whether a session is wanted."""
        record = state.record
        return (
            record.status != "deleted"
            and (self.owner is None or self.owner == record.owner)
            and (self.project is None or self.project == record.project)
            and (self.status is None or self.status == record.status)
            and (self.tag is None or self.tag in record.tags)
        )


async def list_sessions(engine: Engine, filters: Filters, limit: int, cursor: str | None) -> Page[State]:
    """A page of sessions; see ``Store.list``."""
    mark = filters.mark
    after: tuple[int, str] | None = None if cursor is None else _parse(cursor, mark)
    found: list[State] = []
    examined = 0
    while True:
        # As many as are wanted; where filters drop most of them, twice as many each time, so that rounds stay few.
        asked = min(max(limit - len(found) + 1, examined), _EXAMINED - examined)
        batch = await _read(engine, Scan(mark, after, asked, descending=True, spans=_SPANS))
        now, last = engine.clock.now() // 1000, None
        for head, state in batch:
            if state is not None and filters.match(state):
                until = head.expires_at
                if until is None or now < until or not await engine.expired(state):
                    if len(found) == limit:
                        return Page(found, _cursor(mark, after if last is None else (last.marks[mark], last.partition)))
                    found.append(state)
            last = head
        after = after if last is None else (last.marks[mark], last.partition)
        examined += len(batch)
        if len(batch) < asked:
            return Page(found)
        if examined >= _EXAMINED:
            return Page(found, _cursor(mark, after))


async def _read(engine: Engine, scan: Scan) -> list[tuple[Head, State | None]]:
    """A part of the walk. A session that is damaged costs its own place in the list, not the list."""
    try:
        same = engine.listed.same
        return [(one.head, same(one) or _opened(engine, one)) for one in await engine.storage.scan(scan)]
    except Damaged:
        heads = [snapshot.head for snapshot in await engine.storage.scan(replace(scan, spans=()))]
    found: list[tuple[Head, State | None]] = []
    for head in heads:
        try:
            snapshot = await engine.storage.load(head.partition, *scan.spans)
        except Damaged as damage:
            log.error("left out of a list: %s", damage)  # noqa: TRY400 - it says what is wrong and where
            snapshot = None
        found.append((head, None if snapshot is None else _opened(engine, snapshot)))
    return found


def _opened(engine: Engine, snapshot: Snapshot) -> State | None:
    """The session of a snapshot; ``None`` for what is no session, or damaged."""
    if not snapshot.head.partition.startswith("session/"):
        return None
    try:
        return engine.listed.state(snapshot, engine.opened)
    except Damaged as damage:
        log.error("left out of a list: %s", damage)  # noqa: TRY400 - it says what is wrong and where
        return None


def _cursor(mark: str, after: tuple[int, str] | None) -> str:
    data = msgspec.json.encode([mark, *(after or ())])
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _parse(cursor: str, mark: str) -> tuple[int, str]:
    if len(cursor) > _LONGEST:
        raise Invalid("is not a cursor that this listing gave", pointer="/cursor")
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, score, partition = msgspec.json.decode(data, type=tuple[str, _Score, _Partition])
    except ValueError:
        raise Invalid("is not a cursor that this listing gave", pointer="/cursor") from None
    if made_for != mark:
        raise Invalid("belongs to a listing with other filters", pointer="/cursor")
    return score, partition
