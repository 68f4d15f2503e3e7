"""Reading for an index what it has not read of a session: as many messages at once as memory should hold."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdall.contract import Head, Lane, Span
from holdall.errors import Conflict
from holdall.searching import Document, Known, KnownLane, LaneUpdate, Update
from holdall.sessions.names import MAIN, SESSION, branch_of, messages_lane, session_partition
from holdall.sessions.parts.joining import groups, whole
from holdall.sessions.reader import Reader, View
from holdall.sessions.search.texts import document_of
from holdall.sessions.state import State
from holdall.sessions.views import Message

__all__ = ["Piece", "read_piece"]

_AT_ONCE = 2000
"""Messages that are read at once."""


class Piece(msgspec.Struct, frozen=True):
    """A part of what is to be read of a session, and what is known of it after that."""

    update: Update | None
    """``None``: the session is no more, or says nothing."""
    known: Known
    checked: Mapping[str, tuple[int, int]]
    """Of branches in which messages were overwritten: by which version, and up to where they were compared."""
    head: Head
    """That moment's."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left to read."""
        return self.update is None or self.update.changed != 0


class _Part(msgspec.Struct, frozen=True):
    """The positions to read of a branch."""

    branch: str
    lane: Lane
    start: int
    stop: int
    compares: bool
    """Whether it was read before, and overwritten since."""


async def read_piece(reader: Reader, head: Head, known: Known, checked: Mapping[str, tuple[int, int]]) -> Piece:
    """The next piece of the session at ``head``; raises ``NotFound`` when it is gone."""
    session = head.partition.removeprefix("session/")
    while True:
        parts = _planned(head, known, checked)
        spans = [Span(messages_lane(part.branch), part.start, part.stop) for part in parts]
        view = reader.opened(await reader.load(session, session_partition(session), Span(SESSION, -1), *spans))
        head = view.state.head
        if view.state.record.status == "deleted":
            return Piece(None, known, {}, head)
        if all(_is_same(part, head) for part in parts):
            try:
                return await _piece(reader, session, view, known, checked, parts)
            except Conflict:  # cleared meanwhile
                head = (await reader.latest(session, session_partition(session))).head


def _planned(head: Head, known: Known, checked: Mapping[str, tuple[int, int]]) -> list[_Part]:
    found: list[_Part] = []
    left = _AT_ONCE
    for name, lane in head.lanes.items():
        branch = branch_of(name)
        if branch is None:
            continue
        read = known.lanes.get(branch)
        compares = read is not None and read.rewritten != lane.rewritten
        version, place = checked.get(branch, (0, 0))
        behind = read.stop if read is not None and not compares else place if version == lane.rewritten else 0
        start = max(lane.first, behind)
        stop = min(lane.stop, start + left)
        if read is None or compares or start < stop or read.first != lane.first:
            found.append(_Part(branch, lane, start, max(start, stop), compares))
            left -= max(stop - start, 0)
    return found


def _is_same(part: _Part, head: Head) -> bool:
    """Whether what was planned is still there to be read."""
    lane = head.lanes.get(messages_lane(part.branch))
    return lane is not None and lane.rewritten == part.lane.rewritten and lane.first == part.lane.first


async def _piece(  # noqa: PLR0913, PLR0917 - one moment, and what is known already
    reader: Reader,
    session: str,
    view: View,
    known: Known,
    checked: Mapping[str, tuple[int, int]],
    parts: list[_Part],
) -> Piece:
    head, record = view.state.head, view.state.record
    lanes = dict(known.lanes)
    still = dict(checked)
    updates: list[LaneUpdate] = []
    for part in parts:
        lane = head.lanes[messages_lane(part.branch)]
        after = KnownLane(lane.first, part.stop, lane.rewritten)
        still.pop(part.branch, None)
        if part.compares and part.stop < lane.stop:  # until it is compared whole, it counts as read before
            after = lanes[part.branch]._replace(rewritten=0)
            still[part.branch] = lane.rewritten, part.stop
        lanes[part.branch] = after
        documents = await _documents(reader, session, view, part)
        updates.append(LaneUpdate(part.branch, part.start, part.stop, after, documents))
    gone = [branch for branch in lanes if messages_lane(branch) not in head.lanes]
    for branch in gone:
        del lanes[branch]
    whole = all(_is_read(lanes, name, lane) for name, lane in head.lanes.items())
    changed = head.changed if whole else 0
    about = record.owner, record.project, record.tags
    update = Update(session, known.edition, changed, *about, lanes=updates, gone=gone)
    return Piece(update, Known(known.edition + 1, changed, lanes), still, head)


def _is_read(lanes: Mapping[str, KnownLane], name: str, lane: Lane) -> bool:
    branch = branch_of(name)
    return branch is None or lanes.get(branch) == (lane.first, lane.stop, lane.rewritten)


async def _documents(reader: Reader, session: str, view: View, part: _Part) -> list[Document]:
    """The messages, with their large parts; the first record of a branch other than ``main`` is none."""
    name, records = messages_lane(part.branch), view.records
    first = part.lane.first + (part.branch != MAIN)
    positions = [at for at in range(max(part.start, first), part.stop) if (name, at) in records]
    stored = [Message(records[name, at]) for at in positions]
    found: list[Document] = []
    for group in groups(stored):
        for message in await whole(reader, session, group, _anyone):
            at = len(found)
            found.append(document_of(positions[at], stored[at].raw, message))
    return found


def _anyone(_: State) -> None:
    """Whoever may see it: nothing is shown to anybody here."""
