"""Making summaries: of any number of messages, some hundreds at a time, each time with the summary so far."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from holdall.errors import HoldallError, SummaryError
from holdall.sessions.compaction.tools import Maker
from holdall.sessions.summaries.kinds import Brief
from holdall.sessions.views import Message

__all__ = ["Draft", "fitted", "summarised"]

log = logging.getLogger("holdall")
PIECE = 500
"""How many messages a summariser is shown at a time."""


class Draft(msgspec.Struct, frozen=True):
    """A summary in the making."""

    text: str | None = None
    messages: int = 0


async def summarised(
    maker: Maker, pieces: AsyncIterator[Sequence[Message]], most: int, count: Callable[[str], int], so_far: Draft
) -> Draft:
    """The summary of ``so_far`` and of all ``pieces``; raises ``SummaryError`` where there is none."""
    draft = so_far
    async for piece in pieces:
        for at in range(0, len(piece), PIECE):
            brief = Brief(piece[at : at + PIECE], most, count, draft.text, draft.messages)
            text = fitted(await _asked(maker, brief), most, count)
            draft = Draft(text, draft.messages + len(brief.messages))
    return draft


async def _asked(maker: Maker, brief: Brief) -> str:
    try:
        text = await maker.summariser.summarise(brief)
    except HoldallError:
        raise
    except Exception as error:
        log.exception("summariser %r failed", maker.name)
        raise SummaryError(f"summariser {maker.name!r} failed: {type(error).__name__}") from error
    if not text.strip():
        raise SummaryError(f"summariser {maker.name!r} said nothing")
    return text.strip()


def fitted(text: str, most: int, count: Callable[[str], int]) -> str:
    """``text``, cut at its end where it has more than ``most`` tokens."""
    tokens = count(text)
    while tokens > most and len(text) > 1:
        text = text[: max(len(text) * most // tokens - 1, 1)].rstrip() + "…"
        tokens = count(text)
        if tokens > most:
            text = text[:-2] or text[:1]
    return text
