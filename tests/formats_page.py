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
    yield ""
    yield "## What comes back"
    yield ""
    yield "What was exported and is imported again says the same; what a format has no place for is lost on the way."
    yield ""
    yield "- `original`: lines byte for byte, documents value for value. Records of a kind that nobody knows are kept with the"
    yield "  others, and counted by kind in the import's report; a line that cannot be read is named in it, by its number."
    yield "- `jsonl` of every branch: everything, but when each branch was begun. Of one branch: a tool run that another branch"
    yield "  asked for does not say so any more."
    yield "- `atif`: every message with its metadata and time; branches become sub-conversations, originals and versions go."
    yield "- `openai`: roles, words, images, tool calls and results, thoughts; no times, ids, metadata and branches."
    yield "- `json`, `markdown`: to be read, not to be imported."
