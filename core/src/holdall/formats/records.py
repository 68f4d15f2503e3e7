"""What a reader makes of a transcript: entries, each with its original record, and faults with their line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["About", "Entry", "Fault", "Matching", "Record", "Result", "Run", "Sub", "Transcript"]

Matching = Literal["content", "order", "nodes"]


@dataclass(frozen=True, slots=True)
class Record:
    """A line that is a JSON object: its number, its text as it stands in the file, and its value."""

    line: int
    text: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A line of which something was not kept, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Run:
    """A run of a tool: the fields of ``NewToolRun`` but for ``message``."""

    fields: dict[str, Any]
    message: int | None = None
    """Which message of the session asked for it, counted from its first; ``None``: the entry's own."""


@dataclass(frozen=True, slots=True)
class Result:
    """How the tool call ``call`` ended, as a transcript tells it."""

    call: str
    content: Any
    failed: bool = False
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Sub:
    """A sub-conversation of a transcript: the same object for all of its entries."""

    name: str
    """The branch that it becomes; the same in a longer copy of the transcript."""
    call: str | None = None
    """The tool call that started it, if the transcript tells."""
    prompt: str | None = None
    """What it was asked first: by that the call is found, where the transcript does not tell it."""
    kind: str | None = None
    title: str | None = None


@dataclass(slots=True)
class Entry:
    """One record of a transcript, and what it is in Holdall's terms. Most are one message, some are none."""

    line: int
    kind: str
    """What the transcript calls this kind of record."""
    original: str | None = None
    message: dict[str, Any] | None = None
    link: int | None = None
    """Which original of the session the message was made from, counted from its first; ``None``: its own."""
    reply: int | None = None
    """Which message of the session it replies to, counted from its first."""
    runs: list[Run] = field(default_factory=list[Run])
    results: list[Result] = field(default_factory=list[Result])
    sub: Sub | None = None
    """The sub-conversation that its message is part of; ``None``: the main one."""
    note: str | None = None
    """Why no message could be made of it."""
    node: str | None = None
    """In a session that branches: what the transcript calls this entry."""
    parent: str | None = None
    """In a session that branches: the node that this one follows; ``None``: it is a beginning."""
    branch: str | None = None
    """In a session that branches: where its message goes, filled in by who imports it."""
    told: Mapping[str, Any] | None = None
    """Of an export of every branch: the line."""

    def fault(self, reason: str) -> Fault:
        """What was not kept of it; in a session that branches it is called by its node."""
        return Fault(self.line, reason if self.node is None else f"{self.node}: {reason}")


@dataclass(frozen=True, slots=True)
class About:
    """What a transcript says of its session as a whole."""

    id: str | None = None
    """The transcript's own id; the same in a longer copy of it."""
    owner: str | None = None
    key: str | None = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of ``NewSession``."""
    ended: str | None = None
    """The reason given, when the session had ended."""
    every: Mapping[str, Any] | None = None
    """The first line of an export of every branch; its entries are lines as they stand."""
    current: str | None = None
    """In a session that branches: the node at the end of what its program shows."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """One session's worth of entries, which can be read again from the start."""

    about: About
    entries: Callable[[], Iterator[Entry | Fault]]
    matching: Matching = "content"
    """How what was imported before is found again: by the originals' content, by counting records, or node by node."""
    format: str = ""
    """The name of its format; filled in by who found it."""
