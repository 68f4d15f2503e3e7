"""Formats: how a session leaves Holdall, and how the transcripts of other programs come in.

    async for chunk in formats.export(store, session.id, "markdown"): ...

An export streams: it never holds more than a page of the session. Importing is ``holdall.transfer``'s, which takes
what the readers here make of a file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from holdall.errors import Invalid
from holdall.formats import document, lossless, markdown, verbatim
from holdall.formats.walking import Walk
from holdall.sessions.store import Store

__all__ = ["EXPORTS", "Export", "export"]


@dataclass(frozen=True, slots=True)
class Export:
    """A form that a session can be written in."""

    media_type: str
    suffix: str
    write: Callable[[Walk], AsyncIterator[bytes]]
    about: str


EXPORTS: Mapping[str, Export] = {
    "jsonl": Export("application/x-ndjson", ".jsonl", lossless.write, "everything, to be imported again"),
    "json": Export("application/json", ".json", document.write, "everything, as one document"),
    "markdown": Export("text/markdown; charset=utf-8", ".md", markdown.write, "the conversation, to be read"),
    "original": Export("application/x-ndjson", ".jsonl", verbatim.write, "the records it was imported from"),
}
"""By name: every form that ``export`` can write."""


async def export(
    store: Store,
    session_id: str,
    format: str = "jsonl",  # noqa: A002
    branch: str | None = None,
) -> AsyncIterator[bytes]:
    """The session in ``format``, in pieces; raises before the first piece when it may not be read.

    The messages are those of ``branch``; without one, those that the session shows.

    What is written is the session as long as it was when the export began. If somebody clears it meanwhile, the
    export ends with ``Conflict`` rather than short.
    """
    form = EXPORTS.get(format)
    if form is None:
        raise Invalid(f"no format {format!r}; there are {', '.join(EXPORTS)}", pointer="/format")
    async for piece in form.write(await Walk.begin(store, session_id, branch)):
        yield piece
