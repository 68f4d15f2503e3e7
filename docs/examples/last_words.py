"""A summariser for the impatient: what was said last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall import hookimpl
from holdall.hooks import NoSettings, SummariserOffer
from holdall.sessions.summaries import Brief

__all__ = ["LastWords", "holdall_summarisers"]


class LastWords:
    """Remembers the end of a conversation."""

    about: Mapping[str, Any] = {}

    async def summarise(self, brief: Brief) -> str:
        said = [message.text for message in brief.messages if message.text]
        words = (said[-1] if said else brief.earlier or "nothing was said").split()
        while len(words) > 1 and brief.count(" ".join(words)) > brief.most:
            del words[-1]
        return " ".join(words)


@hookimpl
def holdall_summarisers() -> list[SummariserOffer[NoSettings]]:
    about = "what was said last"
    return [SummariserOffer("last-words", about, NoSettings, lambda _: LastWords(), contract=1)]
