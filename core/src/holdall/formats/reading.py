"""From a file to the transcripts in it: the format told by content, or by whoever imports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from holdall.errors import Invalid
from holdall.formats.known import Formats
from holdall.formats.records import Fault, Transcript
from holdall.formats.sources import Source

__all__ = ["transcripts"]


def transcripts(
    path: Path,
    format: str | None = None,  # noqa: A002
    formats: Formats | None = None,
) -> Iterator[Transcript | Fault]:
    """The transcripts in a file, most often one; without a ``format``, of the one that its content tells.

    Raises ``Invalid`` for a file that is empty, or of no format of ``formats``: by default, the built-in ones.
    """
    source, formats = Source(path), formats or Formats()
    if not source.head and next(source.records(), None) is None:
        raise Invalid("it is empty")
    name = format or formats.detect(source)
    if name is None:
        names, first = ", ".join(formats.readable), next(source.records(), None)
        why = f" (line {first.line} {first.reason})" if isinstance(first, Fault) else ""
        raise Invalid(f"its format cannot be told from its content{why}; name it with --format: {names}")
    source.forget()
    for found in formats.reader(name).transcripts(source):
        yield replace(found, format=name) if isinstance(found, Transcript) else found
