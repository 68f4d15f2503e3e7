"""What a format is made of: something that reads it, and a function that writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol

from holdall.formats.records import Fault, Transcript
from holdall.formats.sources import Source
from holdall.formats.walking import Walk

__all__ = ["Reader", "Writer"]

Writer = Callable[[Walk], AsyncIterator[bytes]]
"""Writes the session of a walk, piece by piece, and holds no more of it than a page."""


class Reader(Protocol):
    """Makes sessions of a file."""

    def knows(self, source: Source) -> int | None:
        """The first line that shows the file to be of this format; ``None``: it isn't, as far as its beginning tells."""
        ...

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        """The sessions in a file, and what could not be read; of the file no more is held than one session."""
        ...
