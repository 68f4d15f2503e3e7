"""Where the messages of a conversation that branches go: each behind the one that it follows, on its branch or a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from holdall.contract import Lane
from holdall.formats.records import Entry
from holdall.sessions.names import MAIN, message_id, message_place
from holdall.transfer.gaps import Gaps
from holdall.transfer.report import SessionReport
from holdall.transfer.targets import Lineage, Place, Target

__all__ = ["Growing"]

_SHORT, _LONG = 10, 36


class Growing:
    """Knows where each node of a transcript is in the session."""

    def __init__(self, target: Target, place: Place, report: SessionReport) -> None:
        self._target = target
        self._report = report
        self._places: dict[str, tuple[str, int]] = {}
        """The branch and the position of each node that is a message."""
        self._instead: dict[str, str | None] = {}
        """Nodes that are no message, and what they follow."""
        self._branches = {MAIN: Lineage(MAIN, None, place.messages)}
        self._last: Entry | None = None
        """The last message that waits to be stored."""

    async def prepare(self, place: Place) -> None:
        """Learn what the session has."""
        async for branch in self._target.lineages(place):
            self._branches[branch.name] = branch
            async for message, node in self._target.nodes(place, branch):
                if isinstance(node, str):
                    self._places[node] = message_place(message)

    def unknown(self, entry: Entry, *, kept: bool) -> Entry | None:
        """What of ``entry`` the session does not have, ``None`` if it has all; its original is ``kept`` or is not.

        What was refused as a message, or erased, is not tried again as long as its original is there.
        """
        if entry.message is not None and entry.node in self._places:
            return None if kept else replace(entry, message=None, runs=[], note=None)
        refused = kept and entry.original is not None
        if entry.node is not None and (entry.message is None or refused):
            self._instead[entry.node] = entry.parent
        return None if refused else entry

    def keep_out(self, entry: Entry, gaps: Gaps) -> None:
        """What follows ``entry``, which is redacted, follows the message that is left of it."""
        if entry.node is None or entry.node in self._places:
            return
        message = gaps.message_of(entry.node)
        if message is None:
            self._instead[entry.node] = entry.parent
        else:
            self._places[entry.node] = message_place(message)

    @property
    def waiting(self) -> bool:
        """Whether a message waits to be stored."""
        return self._last is not None

    def joins(self, entry: Entry) -> bool:
        """Whether the message of ``entry`` goes right behind the last one that waits, and if so, where that goes."""
        last = self._last
        if last is None or self._found(entry.parent) != last.node:
            return False
        entry.branch = last.branch
        return True

    async def aim(self, entry: Entry, place: Place) -> Place:
        """Find the branch for the message of ``entry``, when no message waits; it may have to be begun."""
        node = self._found(entry.parent)
        branch, at = self._branches[MAIN], None
        if node is not None:
            name, position = self._places[node]
            branch, at = self._branches[name], message_id(position, name)
            ends = branch.live and position == branch.own.stop - 1
        else:
            ends = not len(branch.own)
        if not ends:
            place, branch = await self._begun(entry, place, at)
        entry.branch = branch.name
        return place if branch.name == MAIN else replace(place, branches={**place.branches, branch.name: branch.own})

    def waits(self, entry: Entry) -> None:
        """``entry`` waits to be stored."""
        if entry.message is not None:
            self._last = entry

    def stored(self, place: Place, name: str, entries: Sequence[Entry]) -> None:
        """The messages of ``entries`` were stored at the end of a branch, as it was at ``place``."""
        if not entries:
            return
        own = place.lane(name)
        for position, entry in enumerate(entries, own.stop):
            if entry.node is not None:
                self._places[entry.node] = name, position
        self._branches[name] = replace(self._branches[name], own=Lane(own.first, own.stop + len(entries)))

    def settled(self, entries: Sequence[Entry]) -> None:
        """Nothing waits any more; what could not be stored is passed by."""
        self._last = None
        for entry in entries:
            if entry.node is not None and entry.node not in self._places:
                self._instead[entry.node] = entry.parent

    async def show(self, place: Place, current: str | None) -> Place:
        """Let the session show the conversation as far as the node ``current``, if anything came in."""
        found = self._found(current)
        if found is None or not self._report.added["messages"]:
            return place
        name, position = self._places[found]
        branch = self._branches[name]
        whole = position == branch.own.stop - 1
        if not branch.live or (whole and name == MAIN and (place.new or len(self._branches) == 1)):
            return place
        return await self._target.show(place, name, None if whole else message_id(position, name))

    def _found(self, node: str | None) -> str | None:
        """``node``, or what it follows if it is no message."""
        last = None if self._last is None else self._last.node
        seen: set[str] = set()
        while node is not None and node not in self._places and node != last:
            if node in seen:
                return None
            seen.add(node)
            node = self._instead.get(node)
        return node

    async def _begun(self, entry: Entry, place: Place, at: str | None) -> tuple[Place, Lineage]:
        """A new branch behind the message ``at``, or before the first; one that was begun and has no message is taken."""
        digest = hashlib.sha256((entry.node or "").encode("utf-8", "replace")).hexdigest()
        name = f"n{digest[:_SHORT]}"
        known = self._branches.get(name)
        if known is not None:
            if known.live and known.at == at and not len(known.own):
                return place, known
            name = f"n{digest[:_LONG]}"
        if at is None:
            place = await self._target.fork(place, name, before=message_id(self._branches[MAIN].own.first))
        else:
            place = await self._target.fork(place, name, at=at)
        branch = self._branches[name] = Lineage(name, at, place.branches[name])
        self._report.branches += 1
        return place, branch
