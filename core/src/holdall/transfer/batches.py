"""Entries gathered into steps of bounded size, and a step turned into what a store is asked to append."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from holdall.formats.records import Entry, Run
from holdall.formats.values import fields_of, json_of
from holdall.sessions.names import MAIN, message_id
from holdall.transfer.targets import Place, Request

__all__ = ["Batch", "Built", "branch_of", "key_of", "size_of"]

MOST_BYTES = 700_000
MOST_RECORDS = 500


class Batch:
    """Entries that wait for the next step."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._bytes = 0
        self._records = 0

    @property
    def branch(self) -> str | None:
        """The branch that its messages go to, if it has any."""
        return next((branch for branch in map(branch_of, self.entries) if branch is not None), None)

    def fits(self, size: int, entry: Entry) -> bool:
        """Whether ``entry`` can still join. An empty batch takes anything."""
        if not self.entries:
            return True
        branch = branch_of(entry)
        if branch is not None and self.branch not in (None, branch):
            return False
        return self._bytes + size <= MOST_BYTES and self._records + 1 + len(entry.runs) <= MOST_RECORDS

    def add(self, size: int, entry: Entry) -> None:
        """Let ``entry`` wait."""
        self.entries.append(entry)
        self._bytes += size
        self._records += 1 + len(entry.runs)


def branch_of(entry: Entry) -> str | None:
    """The branch that an entry's message goes to, if it has one."""
    if entry.message is None:
        return None
    return entry.branch or (MAIN if entry.sub is None else entry.sub.name)


def size_of(entry: Entry) -> int:
    """The bytes that ``entry`` takes in a request. What JSON stores refuse is replaced in it first."""
    parts: list[Any] = [entry.original, entry.message, [run.fields for run in entry.runs]]
    try:
        return len(msgspec.json.encode(parts))
    except (ValueError, OverflowError, TypeError):
        entry.message = json_of(entry.message)
        for run in entry.runs:
            run.fields = json_of(run.fields)
        return len(msgspec.json.encode([entry.original, entry.message, [run.fields for run in entry.runs]]))


@dataclass(frozen=True, slots=True)
class Built:
    """A request, and which entry each of its records comes from."""

    request: Request
    messages: list[Entry]
    tools: list[tuple[Entry, Run]]
    originals: list[Entry]

    @classmethod
    def of(cls, entries: list[Entry], place: Place) -> Built:
        """The step that stores ``entries`` at ``place``, with every link turned into a position or an id."""
        built = cls(Request([], [], []), [], [], [])
        branch = next(filter(None, map(branch_of, entries)), MAIN)
        messages: list[dict[str, Any]] = []
        tools: list[dict[str, Any]] = []
        for entry in entries:
            link = None if entry.link is None else place.originals.first + entry.link
            if entry.original is not None:
                link = place.originals.stop + len(built.originals) if entry.link is None else link
                built.originals.append(entry)
            asked_by = None
            if entry.message is not None:
                asked_by = message_id(place.lane(branch).stop + len(messages), branch)
                reply = None if entry.reply is None else message_id(place.messages.first + entry.reply)
                messages.append(_linked(entry, entry.message, link, reply))
                built.messages.append(entry)
            for run in entry.runs:
                at = asked_by if run.message is None else message_id(place.messages.first + run.message)
                tools.append(run.fields if at is None else {**run.fields, "message": at})
                built.tools.append((entry, run))
        originals = [entry.original for entry in built.originals if entry.original is not None]
        return cls(Request(messages, tools, originals, branch), built.messages, built.tools, built.originals)


def _linked(entry: Entry, message: dict[str, Any], original: int | None, reply: str | None) -> dict[str, Any]:
    """A message with what it replies to, and what it was made from: an original, and where it branches the node."""
    if entry.node is not None:
        message = {**message, "metadata": {**fields_of(message.get("metadata")), "node": entry.node}}
    if reply is not None:
        message = {**message, "reply_to": reply}
    return message if original is None else {**message, "original": original}


def key_of(place: Place, request: Request) -> str:
    """The idempotency key of a step: by its place and content, so that the same step has the same key."""
    where: list[Any] = [place.session, place.messages.stop, place.tools.stop, place.originals.stop]
    if request.branch != MAIN:
        where += [request.branch, place.lane(request.branch).stop]
    content = msgspec.json.encode([where, request.messages, request.tools, request.originals])
    return f"import-{hashlib.sha256(content).hexdigest()[:40]}"
