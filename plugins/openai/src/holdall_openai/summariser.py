"""Summaries by a model: of one piece at once, of more each by itself and then of those summaries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from holdall.sessions.summaries import Brief
from holdall_openai.chat import answer_of, question
from holdall_openai.rendering import joined, rendered
from holdall_openai.service import Line, Service, Timing
from holdall_openai.settings import OpenAISettings

__all__ = ["ChatSummariser"]

_TOGETHER = 4
"""Requests of one summary that are on their way at once."""


class ChatSummariser:
    """See ``holdall.sessions.summaries.Summariser``."""

    def __init__(self, settings: OpenAISettings, timing: Timing | None = None) -> None:
        self._settings = settings
        self._service = Service(settings, timing or Timing())

    @property
    def about(self) -> Mapping[str, Any]:
        """The model's name."""
        return {"model": self._settings.model}

    async def summarise(self, brief: Brief) -> str:
        """The summary; raises ``SummaryError``."""
        room = self._settings.piece
        pieces = await asyncio.to_thread(rendered, brief.messages, room)
        async with self._service.line() as line:
            while len(pieces) > 1:  # each time at most half as many: two of what comes back go into one piece
                notes = await self._noted(line, pieces, brief.most)
                pieces = joined([f"(summary of a part) {note[: room // 2 - 30]}" for note in notes], room)
            return await self._asked(line, _with_earlier(pieces[0], brief), brief.most)

    async def _noted(self, line: Line, pieces: Sequence[str], most: int) -> list[str]:
        """A summary of each piece; the first that fails ends them all."""
        slots = asyncio.Semaphore(_TOGETHER)

        async def noted(piece: str) -> str:
            async with slots:
                return await self._asked(line, piece, most)

        tasks = [asyncio.create_task(noted(piece)) for piece in pieces]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _asked(self, line: Line, material: str, most: int) -> str:
        return answer_of(await line.post(question(self._settings, material, most)))


def _with_earlier(text: str, brief: Brief) -> str:
    """``text`` behind the summary of what came before it."""
    if brief.earlier is None:
        return text
    return f"(summary of the {brief.earlier_messages:,} messages before these)\n{brief.earlier}\n\n{text}"
