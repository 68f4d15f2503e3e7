"""Reading a file in which each record is a session."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from holdall.formats.records import Fault, Record, Transcript
from holdall.formats.sources import Source

__all__ = ["ManySessions", "Unnamed"]


class ManySessions:
    """See ``holdall.formats.kinds.Reader``; made of two functions that say what is particular to a format."""

    def __init__(
        self,
        matches: Callable[[Record], bool],
        session: Callable[[Record], Transcript],
        otherwise: str = "holds no conversation that can be read",
    ) -> None:
        self._matches = matches
        self._session = session
        self._otherwise = otherwise

    def knows(self, source: Source) -> int | None:
        """The first record that matches."""
        return next((record.line for record in source.head if self._matches(record)), None)

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        """A session for each record; of the file no more is held than one."""
        return map(self._told, source.records())

    def _told(self, record: Record | Fault) -> Transcript | Fault:
        if isinstance(record, Fault):
            return record
        return self._made(record) if self._matches(record) else Fault(record.line, self._otherwise)

    def _made(self, record: Record) -> Transcript:
        return self._session(record)


class Unnamed(ManySessions):
    """Where sessions have no name, they are called by their content, so that a longer file adds only what is new."""

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        """See ``ManySessions.transcripts``."""
        self._seen: Counter[str] = Counter()
        return super().transcripts(source)

    def _made(self, record: Record) -> Transcript:
        digest = hashlib.sha256(record.text.encode()).hexdigest()[:32]
        self._seen[digest] += 1
        made = super()._made(record)
        return replace(made, about=replace(made.about, id=f"{digest}-{self._seen[digest]}"))
