"""What a store can do about long conversations: summaries, compaction, and the active context.

The work is in ``summaries/`` and ``compaction/``, which are imported when somebody does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall import sessions
from holdall.sessions.history import around
from holdall.sessions.names import compaction_position, summary_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.sessions.compaction.active import ActiveContext
    from holdall.sessions.compaction.compacting import Compacted
    from holdall.sessions.compaction.records import Compaction
    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.state import State
    from holdall.sessions.summaries.records import Summary
    from holdall.sessions.views import Message, Page

__all__ = ["Condensing"]


class Condensing:
    """The operations on summaries and compactions: a part of ``Store``."""

    engine: Engine
    by: str

    if TYPE_CHECKING:
        _check: Check

        def _limit(self, limit: int) -> int: ...
        async def whole(self, session: str, messages: Sequence[Message]) -> list[Message]:
            """See ``Parting``."""
            ...

        def _tell(self, kind: Any, state: State, messages: Sequence[Message] = ()) -> None: ...

    async def active_context(
        self, session: str, *, branch: str | None = None, budget: int | None = None
    ) -> ActiveContext:
        """What a model should see now of ``branch``, or of what the session shows, at the cost of what that is.

        It is what the newest compaction left, and every message after it. With a ``budget`` of tokens, what would
        fit: nothing is stored, nothing summarised anew, and what cannot fit is told by ``met``. Without one, more than
        10,000 messages raise ``TooLarge``.
        """
        from holdall.sessions.compaction import active, compacting  # noqa: PLC0415 - few processes compact

        engine, settled = self.engine, sessions.parts.joining.settled

        async def read() -> ActiveContext:
            if budget is None:
                return active.told(*await active.active(engine, session, branch, self._check))
            return active.told(*await compacting.fitted(engine, session, branch, budget, self._check), budget)

        async def fill(context: ActiveContext) -> ActiveContext:
            return context.of(await self.whole(session, context.messages))

        return await settled(await read(), read, fill)

    async def compact(  # noqa: PLR0913 - each is a thing that a caller may say
        self,
        session: str,
        *,
        budget: int | None = None,
        branch: str | None = None,
        compactors: Sequence[str] | None = None,
        whole: bool = False,
        expect: int | None = None,
        above: int | None = None,
    ) -> Compacted:
        """Make what a model sees fit ``budget`` tokens, and record what it is. Every message stays readable.

        Without a ``budget``, or ``compactors``, those of the configuration are taken. It goes on from the last
        compaction; with ``whole``, or where that is stale, it begins again with all of the conversation. Where everything
        fits, or nothing more can be given up, nothing is stored; ``met`` tells which. With ``above``, nothing is done
        while a model sees no more tokens than that: asked after every turn, it compacts once in many, to the budget.
        The answer's ``budget`` is then ``above``. Raises ``SummaryError`` when
        there is to be a summary and there is none to be had.
        """
        from holdall.sessions.compaction import compacting  # noqa: PLC0415 - few processes compact

        asked = compacting.Asked(budget, branch, compactors, whole, self.by, expect, above)
        compacted, state = await compacting.compact(self.engine, session, asked, self._check)
        if compacted.new:
            self._tell("compacted", state)
        return compacted

    async def compactions(
        self, session: str, *, limit: int = 50, before: str | None = None, after: str | None = None
    ) -> Page[Compaction]:
        """A page of what was compacted, oldest first; cursors as in ``history``."""
        from holdall.sessions.compaction import listing  # noqa: PLC0415 - few processes compact

        place = around(before, after, compaction_position)
        return await listing.compactions(self.engine, session, self._limit(limit), place, self._check)

    async def compaction(self, session: str, compaction: str) -> Compaction:
        """One compaction by its id."""
        from holdall.sessions.compaction import listing  # noqa: PLC0415 - few processes compact

        return await listing.compaction(self.engine, session, compaction, self._check)

    async def summarise(  # noqa: PLR0913 - each is a thing that a caller may say
        self,
        session: str,
        *,
        first: str | None = None,
        last: str | None = None,
        branch: str | None = None,
        text: str | None = None,
        replaces: str | None = None,
        tokens: int | None = None,
        summariser: str | None = None,
        expect: int | None = None,
    ) -> Summary:
        """Summarise the messages from ``first`` to ``last``, by default all that the session shows, and record it.

        With ``text``, that is the summary. With ``replaces``, it is of the same messages as that earlier summary,
        which stays readable; contexts that show the earlier one show this one from then on. Otherwise the configured
        summariser is asked, for ``tokens`` at the most. Raises ``SummaryError`` where there is no summary to be had.
        """
        from holdall.sessions.summaries import summarising  # noqa: PLC0415 - few processes summarise

        wanted = summarising.Wanted(first, last, branch, text, replaces, tokens, summariser, self.by, expect)
        made, state = await summarising.summarise(self.engine, session, wanted, self._check)
        self._tell("summarised", state)
        return made

    async def summaries(
        self, session: str, *, limit: int = 50, before: str | None = None, after: str | None = None
    ) -> Page[Summary]:
        """A page of summaries, oldest first, those that were replaced among them; cursors as in ``history``."""
        from holdall.sessions.summaries import reading  # noqa: PLC0415 - few processes summarise

        place = around(before, after, summary_position)
        return await reading.summaries(self.engine, session, self._limit(limit), place, self._check)

    async def summary(self, session: str, summary: str) -> Summary:
        """One summary by its id."""
        from holdall.sessions.summaries import reading  # noqa: PLC0415 - few processes summarise

        return await reading.summary(self.engine, session, summary, self._check)
