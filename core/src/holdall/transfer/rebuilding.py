"""An export of every branch becomes the session again: branches, edits, tool runs, and what it shows.

It is run again where it was stopped: what a lane has already is passed by, in order. Ids name places, and those of a
session that was cleared once begin elsewhere; so every id is moved along with its branch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from holdall.errors import Invalid, NotFound
from holdall.formats.records import Entry, Fault, Transcript
from holdall.formats.values import fields_of
from holdall.sessions.branches.origins import Origin
from holdall.sessions.names import MAIN, message_id, message_place
from holdall.transfer.batches import MOST_BYTES, MOST_RECORDS, key_of
from holdall.transfer.report import SessionReport
from holdall.transfer.targets import Place, Request, Target
from holdall.transfer.waiting import Waiting

__all__ = ["Rebuilding"]

_TOOLS, _ORIGINALS = "tools", "originals"
_STAYING = ("created_at", "redacted", "reply_to")
"""Fields that no edit changes."""
_ERASED = ("redacted", "purged")
"""Fields that say that what a message said is not to be seen any more."""
Fields = dict[str, Any]


class Rebuilding:
    """Takes the lines of one export in order."""

    def __init__(self, target: Target, place: Place, report: SessionReport) -> None:
        self.report = report
        self._target = target
        self._place = place
        self._first: Fields = {}
        self._branch = MAIN
        self._had: dict[str, int] = {}
        """By branch, and of tool runs and originals: how many lines the session has already."""
        self._moved: dict[str, int] = {}
        """By branch: what its places differ from those in the export."""
        self._gone: set[str] = set()
        """Branches that are deleted here: an import that was stopped had got so far."""
        self._delete: list[str] = []
        self._versions: list[Fields] = []
        """Of the message that comes next: what it said before."""
        self._messages: list[Fields] = []
        """What waits to be stored; so do the next two."""
        self._runs: list[Fields] = []
        self._originals: list[str] = []
        self._edits: list[tuple[str, list[Fields]]] = []
        """Messages that wait and were edited, with all that they said."""
        self._bytes = 0
        self._waiting = Waiting()
        self._line = 0

    async def prepare(self, transcript: Transcript) -> None:
        """Learn what the session has."""
        place, self._first = self._place, fields_of(fields_of(transcript.about.every).get("first"))
        self._moved[MAIN] = place.messages.first - int(self._first.get("messages", 0))
        self._had = {MAIN: len(place.messages), _TOOLS: len(place.tools), _ORIGINALS: len(place.originals)}
        if place.new:
            return
        async for branch in self._target.lineages(place):
            if branch.name != MAIN:
                self._place = replace(self._place, branches={**self._place.branches, branch.name: branch.own})
            if not branch.live:
                self._gone.add(branch.name)

    async def take(self, entry: Entry | Fault) -> None:
        """Deal with one line."""
        if isinstance(entry, Fault):
            self.report.faults += [entry] if self._waiting.first else []
            return
        if self._waiting.first:
            self.report.records += 1
            self.report.kinds[entry.kind] += 1
        line, self._line = fields_of(entry.told), entry.line
        told = fields_of(line.get(entry.kind))
        try:
            if entry.kind == "branch":
                await self._begin(
                    msgspec.convert(told | {"named": None}, Origin), deleted=fields_of(line.get("deleted"))
                )
            elif entry.kind == "version":
                self._versions.append(told)
            elif entry.kind == "message":
                await self._message(told)
            elif entry.kind == "tool" and not self._waiting:
                await self._run(told)
            elif entry.original is not None and not self._waiting and self._is_new(_ORIGINALS):
                await self._make_room(entry.original)
                self._originals.append(entry.original)
        except (Invalid, msgspec.ValidationError) as refused:
            raise Invalid(f"line {entry.line}: {refused}") from None

    async def again(self) -> bool:
        """Whether the export has to be read once more, for what refers to what came after it."""
        await self._flush()
        if not self._waiting.again(self.report.added["messages"]):
            return False
        place = self._place
        self._branch = MAIN
        self._had |= {MAIN: len(place.messages), _TOOLS: len(place.tools), _ORIGINALS: len(place.originals)}
        return True

    async def done(self, transcript: Transcript) -> SessionReport:
        """Store what still waits; delete what was deleted, and show what was shown."""
        await self._flush()
        for branch in self._delete:
            self._place = await self._target.remove(self._place, branch)
        session = fields_of(fields_of(transcript.about.every).get("session"))
        branch, to = str(session.get("branch", MAIN)), self._here(session.get("reverted_to"))
        if (branch != MAIN or to is not None) and not self._place.ended:
            self._place = await self._target.show(self._place, branch, to)
        if transcript.about.ended is not None and not self._place.ended:
            await self._target.end(self._place, transcript.about.ended or None)
        return self.report

    async def _begin(self, origin: Origin, deleted: Fields) -> None:
        """Messages of another branch follow."""
        await self._flush()
        self._branch = name = origin.branch
        if self._waiting.waits(name, self._lacking(_begins_at(origin)) or self._unbegun(origin)):
            return
        if deleted and "along" not in deleted and name not in (*self._gone, *self._delete):
            self._delete.append(name)
        known = name in self._place.branches
        try:
            await self._started(origin)
        except NotFound:  # a sub-conversation that is deleted
            self._gone.add(name)
            return
        lane = self._place.lane(name)
        self._had[name], self._moved[name] = len(lane), lane.first - _base(origin, int(self._first.get("messages", 0)))
        self.report.branches += not known and not len(lane)
        if origin.title and not known and origin.under is None:
            self._place = await self._target.title(self._place, name, origin.title)

    async def _started(self, origin: Origin) -> None:
        """Make sure that there is the branch."""
        name, under, target = origin.branch, origin.under, self._target
        if under is not None:
            fields = {"kind": under.kind, "call": under.call, "title": origin.title}
            told = {field: text for field, text in fields.items() if text}
            self._place = await target.sub(self._place, name, self._here(under.message) or under.branch, told)
        elif name not in self._place.branches:
            at = self._here(_begins_at(origin))
            first = message_id(self._place.messages.first) if at is None and len(self._place.messages) else None
            self._place = await target.fork(self._place, name, at=at, before=first)

    async def _message(self, told: Fields) -> None:
        """A message as it is, behind what it said before."""
        said = [self._clean(one) for one in (*self._versions, told)]
        self._versions = []
        here = self._here(told.get("id"))
        if self._branch in self._waiting:
            return
        if self._branch in self._gone and self._branch not in self._had:
            self.report.present += self._waiting.first
        elif here is None:
            raise Invalid("has no id that can be")
        elif self._is_new(self._branch):
            await self._new(here, said, self._lacking(told.get("reply_to")))
        elif len(said) > 1 and self._branch not in self._gone:
            stored = await self._target.message(self._place, here)
            if any(stored.get(name) != told.get(name) for name in _ERASED):
                self.report.kept_out += self._waiting.first
            else:
                await self._edit(here, said, int(fields_of(stored.get("edited")).get("version", 1)))

    async def _new(self, here: str, said: list[Fields], lacking: str | None) -> None:
        """A message that the session lacks; what it replies to may be ``lacking``, too, on a branch."""
        if self._waiting.waits(self._branch, lacking):
            return
        if lacking is not None:
            said[0].pop("reply_to", None)
            self.report.faults.append(Fault(self._line, "replies to a message that comes after it"))
        if "reply_to" in said[0]:
            await self._flush()  # what it replies to may be in it
        await self._make_room(said[0])
        self._messages.append(said[0])
        if len(said) > 1:
            self._edits.append((here, said))

    async def _run(self, told: Fields) -> None:
        self.report.calls += 1
        if self._is_new(_TOOLS):
            fields = {name: what for name, what in told.items() if name not in ("id", "message")}
            message = self._here(told.get("message"))
            fields |= {} if message is None else {"message": message}
            await self._make_room(fields)
            self._runs.append(fields)

    def _is_new(self, lane: str) -> bool:
        """Whether the session lacks the next line of a lane."""
        self._had[lane] -= 1
        self.report.present += self._had[lane] >= 0 and (self._waiting.first or lane in (_TOOLS, _ORIGINALS))
        return self._had[lane] < 0

    def _clean(self, told: Fields) -> Fields:
        """A message as it can be given to a store."""
        fields = {name: what for name, what in told.items() if name not in ("id", "edited", "reply_to", "original")}
        reply, original = self._here(told.get("reply_to")), told.get("original")
        if reply is not None:
            fields["reply_to"] = reply
        if isinstance(original, int):
            fields["original"] = original - int(self._first.get("originals", 0)) + self._place.originals.first
        return fields

    def _here(self, message: Any) -> str | None:
        """The id that a message of the export has here."""
        try:
            branch, position = message_place(message) if isinstance(message, str) else ("", 0)
        except NotFound:
            return None
        return message_id(position + self._moved[branch], branch) if branch in self._moved else None

    def _lacking(self, message: Any) -> str | None:
        """The branch of a message of the export that is not in the session, nor will be with what is about to be stored."""
        try:
            branch = message_place(message)[0] if isinstance(message, str) else None
        except NotFound:
            branch = None
        if branch is None or branch in self._gone:
            return None
        if branch not in self._moved:
            return branch
        coming = len(self._messages) if branch == self._branch else 0
        known = message_place(self._here(message) or "")[1] < self._place.lane(branch).stop + coming
        return None if known else branch

    def _unbegun(self, origin: Origin) -> str | None:
        """The branch that a sub-conversation is under, if it is not there yet."""
        under = None if origin.under is None else origin.under.branch
        return None if under in (*self._moved, *self._gone) else under

    async def _make_room(self, item: Any) -> None:
        """Store what waits, if ``item`` has no room in the same step."""
        size = len(msgspec.json.encode(item))
        count = len(self._messages) + len(self._runs) + len(self._originals)
        if count and (self._bytes + size > MOST_BYTES or count >= MOST_RECORDS):
            await self._flush()
        self._bytes += size

    async def _flush(self) -> None:
        """Store what waits, then edit of that what was edited."""
        request = Request(self._messages, self._runs, self._originals, self._branch)
        edits, self._edits = self._edits, []
        self._messages, self._runs, self._originals, self._bytes = [], [], [], 0
        if len(request):
            self._place = await self._target.append(self._place, request, key_of(self._place, request))
            for name in ("messages", "tools", "originals"):
                self.report.added[name] += len(getattr(request, name))
        for message, said in edits:
            await self._edit(message, said, 1)

    async def _edit(self, message: str, said: list[Fields], version: int) -> None:
        """Let a message, of which ``version`` versions are stored, say the others one after the other."""
        for old, new in zip(said[version - 1 :], said[version:], strict=False):
            changes = {name: what for name, what in new.items() if name not in old or old[name] != what}
            changes |= {name: None for name in old if name not in new}
            changes = {name: what for name, what in changes.items() if name not in _STAYING}
            self._place = await self._target.edit(self._place, message, changes or {"content": new["content"]})


def _begins_at(origin: Origin) -> str | None:
    """The message that a branch begins behind, or is under."""
    if origin.under is not None:
        return origin.under.message
    return message_id(origin.path[-1][1] - 1, origin.path[-1][0]) if origin.path else None


def _base(origin: Origin, first: int) -> int:
    """The place, in an export whose ``main`` begins at ``first``, of a branch's first own message."""
    under = origin.under
    if under is not None:
        return 1 if under.message is None else message_place(under.message)[1] + 1
    return max(origin.path[-1][1] if origin.path else first, 1)
