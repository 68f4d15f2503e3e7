"""docs/formats.md, written from what the built-in formats offer."""

from __future__ import annotations

from collections.abc import Iterator

from holdall.formats import Formats

__all__ = ["formats"]


def formats() -> Iterator[str]:
    """The lines of docs/formats.md."""
    yield "# The formats"
    yield ""
    yield "Written by `make docs` from what the built-in formats offer. [Plugins](hooks/holdall_formats.md) can offer more;"
    yield "`holdall plugins` lists those that are installed. Which format a file has is told by its content."
    yield ""
    yield "| `--format` | what it is | import | export | of every branch |"
    yield "|---|---|---|---|---|"
    for offer in Formats().offers:
        reads, writes = ("yes" if made is not None else "" for made in (offer.reader, offer.writer))
        every = "yes" if offer.every else ""
        yield f"| `{offer.name}` | {offer.summary} | {reads} | {writes} | {every} |"
