"""Reading a file that is one session: each of its records is an entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from holdall.formats.records import About, Entry, Fault, Matching, Record, Transcript
from holdall.formats.sources import Source

__all__ = ["OneSession", "again"]

Records = Iterable[Record | Fault]


class OneSession:
    """See ``holdall.formats.kinds.Reader``; made of three functions that say what is particular to a format."""

    def __init__(
        self,
        matches: Callable[[Record], bool],
        describe: Callable[[Sequence[Record]], About],
        entries: Callable[[Records], Iterator[Entry | Fault]],
        matching: Matching = "content",
    ) -> None:
        self._matches = matches
        self._describe = describe
        self._entries = entries
        self._matching: Matching = matching

    def knows(self, source: Source) -> int | None:
        """The first record that matches."""
        return next((record.line for record in source.head if self._matches(record)), None)

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        """The session."""
        about = self._describe(source.head)
        source.forget()
        yield Transcript(about, lambda: self._entries(source.records()), self._matching)


def again(made: Sequence[Entry | Fault]) -> Callable[[], Iterator[Entry | Fault]]:
    """The entries of a transcript that is in memory."""
    return lambda: iter(made)
