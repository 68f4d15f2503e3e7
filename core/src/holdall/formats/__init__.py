"""Formats: how a session leaves Holdall, and how the transcripts of other programs come in.

    async for chunk in formats.export(store, session.id, "markdown"): ...

An export streams: it never holds more than a page of the session. Importing is ``holdall.transfer``'s, which takes
what the readers here make of a file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdall.formats.known import Formats
from holdall.formats.walking import Walk
from holdall.sessions.store import Store

__all__ = ["Formats", "export"]


async def export(  # noqa: PLR0913 - each is a thing that a caller may ask
    store: Store,
    session_id: str,
    format: str = "jsonl",  # noqa: A002
    branch: str | None = None,
    *,
    every: bool = False,
    formats: Formats | None = None,
) -> AsyncIterator[bytes]:
    """The session in ``format``, in pieces; raises before the first piece when it may not be read.

    The messages are those of ``branch``; without one, those that the session shows; with ``every``, those of all
    branches, each once, where the format can say that. ``formats`` are those that can be named: by default the
    built-in ones.

    What is written is the session as long as it was when the export began. If somebody clears it meanwhile, the
    export ends with ``Conflict`` rather than short.
    """
    formats = formats or Formats()
    write = formats.writer(format)
    if every:
        formats.check_every(format, branch)
    async for piece in write(await Walk.begin(store, session_id, branch, every=every)):
        yield piece
