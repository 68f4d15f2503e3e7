"""Making a context fit a budget: each compactor in turn, until it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from holdall.errors import PluginError
from holdall.sessions.compaction.choosing import PENDING, applied, checked, left_out
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import counted, regrouped, summary_item, tokens_of
from holdall.sessions.compaction.kinds import Choice, Compactor, Covered, Entry

__all__ = ["Context", "Strategy", "Summarise", "squeezed"]

Summarise = Callable[[Sequence[Entry], int], Awaitable[Covered]]
"""Makes a summary of entries, of so many tokens at the most."""


class Strategy(msgspec.Struct, frozen=True):
    """A compactor, and what the configuration calls it."""

    name: str
    compactor: Compactor


class Context(msgspec.Struct, frozen=True):
    """The entries of a context, and those left out of it whose calls may still be answered."""

    entries: list[Entry]
    pending: list[Entry] = []


async def squeezed(
    context: Context, budget: int, strategies: Sequence[Strategy], counter: Counter, summarise: Summarise | None
) -> Context:
    """``context``, made to fit ``budget`` as far as ``strategies`` can. Without ``summarise`` nothing is summarised."""
    for strategy in strategies:
        entries, choice = await asyncio.to_thread(_chosen, strategy, context.entries, budget)
        if choice is None:
            break
        if summarise is None:
            choice = msgspec.structs.replace(choice, summarise=frozenset(), room=0)
        kept = await asyncio.to_thread(applied, entries, choice, counter)
        if choice.summarise and summarise is not None:
            old = [entries[at] for at in sorted(choice.summarise)]
            made = counted(summary_item(await summarise(old, choice.room)), counter)
            if made.tokens >= tokens_of(old):  # a summary that is no shorter is none
                choice = msgspec.structs.replace(choice, summarise=frozenset())
            kept = sorted([*kept, *([made] if choice.summarise else old)], key=lambda entry: entry.position)
        waiting = [*context.pending, *left_out(entries, choice)]
        context = Context(kept, sorted(waiting, key=lambda entry: entry.position)[-PENDING:])
    return context


def _chosen(strategy: Strategy, entries: Sequence[Entry], budget: int) -> tuple[list[Entry], Choice | None]:
    """The entries in their groups, and what a compactor chooses of them; ``None`` where they fit."""
    grouped = regrouped(entries)
    if tokens_of(grouped) <= budget:
        return grouped, None
    try:
        choice = strategy.compactor.compact(grouped, budget)
    except Exception as error:
        raise PluginError(f"compactor {strategy.name!r} failed: {error!r}") from error
    return grouped, checked(strategy.name, grouped, choice)
