"""The stretches of a session that are written: all of one branch, or what each branch has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from holdall.contract import Head, Span
from holdall.errors import Conflict
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Deletion, Origin, Origins, line_of, parse_deletion, parse_origin
from holdall.sessions.names import MAIN, branch_of, deleted_lane, message_id, messages_lane
from holdall.sessions.store import Store

__all__ = ["Stretch", "every_branch"]

_AT_ONCE = 250
"""How many branches are asked about in one question."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages that follow each other: those at the positions ``first`` to ``stop`` of a line."""

    line: Line
    first: int
    stop: int
    origin: Origin | None = None
    """How the branch began; ``None`` for ``main``, and for a branch that is written from its first message on."""
    deletion: Deletion | None = None
    """Who deleted the branch, and when, if somebody did."""

    @property
    def branch(self) -> str:
        """The branch that it ends."""
        return self.line.branch

    @property
    def follows(self) -> str | None:
        """The id of the message of another branch that it follows, or that it is under."""
        if self.origin is None:
            return None
        if self.origin.under is not None:
            return self.origin.under.message
        path = self.origin.path
        return message_id(path[-1][1] - 1, path[-1][0]) if path else None


async def every_branch(store: Store, session: str, head: Head) -> list[Stretch]:
    """What each branch of a session has of its own, ``main`` first, also of those that were deleted.

    The branch that another one leaves, or is under, comes before it. Raises ``Conflict`` when the session is cleared
    meanwhile.
    """
    names = [name for name in map(branch_of, head.lanes) if name is not None and name != MAIN]
    origins, deletions = Origins(), dict[str, Deletion]()
    for start in range(0, len(names), _AT_ONCE):
        await _learn(store, session, head, names[start : start + _AT_ONCE], origins, deletions)
    main = line_of(head, MAIN, {})
    found = {MAIN: Stretch(main, main.first, main.stop)}
    for name in names:
        line = line_of(head, name, origins)
        found[name] = Stretch(line, line.base, line.stop, origins[name, line.base - 1], deletions.get(name))
    return _ordered(found)


async def _learn(  # noqa: PLR0913, PLR0917 - where to read, and what is learnt
    store: Store, session: str, head: Head, names: Sequence[str], origins: Origins, deletions: dict[str, Deletion]
) -> None:
    firsts = {name: head.lanes[messages_lane(name)].first for name in names}
    spans = [Span(messages_lane(name), first, first + 1) for name, first in firsts.items()]
    deleted = [name for name in names if deleted_lane(name) in head.lanes]
    moment = await store.moment(session, *spans, *(Span(deleted_lane(name), 0, 1) for name in deleted))
    partition = head.partition
    for name, first in firsts.items():
        record = moment.records.get((messages_lane(name), first))
        if record is None:
            raise Conflict(f"session {session}", expected=head.changed, found=moment.state.head.changed)
        origin = parse_origin(record, f"{partition} {messages_lane(name)}[{first}]")
        origins[name, first] = msgspec.structs.replace(origin, named=None)  # versions are the store's own
    for name in deleted:
        record = moment.records.get((deleted_lane(name), 0))
        if record is not None:  # else it was brought back meanwhile
            deletions[name] = parse_deletion(record, f"{partition} {deleted_lane(name)}[0]")


def _ordered(found: dict[str, Stretch]) -> list[Stretch]:
    """Every stretch behind those that its branch leaves or is under; otherwise by name."""
    ordered: dict[str, Stretch] = {}
    for name in sorted(found, key=lambda name: (name != MAIN, name)):
        chain: list[str] = []
        upper: str | None = name
        while upper is not None and upper not in ordered and upper not in chain:
            chain.append(upper)
            upper = _upper(found[upper].origin) if upper in found else None
        ordered |= {each: found[each] for each in reversed(chain) if each in found}
    return list(ordered.values())


def _upper(origin: Origin | None) -> str | None:
    """The branch that another one leaves or is under."""
    if origin is None:
        return None
    if origin.under is not None:
        return origin.under.branch
    return origin.path[-1][0] if origin.path else MAIN
