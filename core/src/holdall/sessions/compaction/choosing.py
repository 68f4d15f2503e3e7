"""What compactors choose of a context, seen to be allowed and done; and the calls that may still be answered."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.errors import PluginError
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import eliding
from holdall.sessions.compaction.grouping import grouped
from holdall.sessions.compaction.kinds import Choice, Entry

__all__ = ["PENDING", "applied", "checked", "left_out", "rescued"]

PENDING = 1_000
"""How many entries that belong to unanswered calls are remembered that were left out: the newest."""


def checked(name: str, entries: Sequence[Entry], choice: Choice) -> Choice:
    """``choice``, if compactor ``name`` may choose so; raises ``PluginError``."""
    gone, places = choice.omit | choice.summarise, range(len(entries))
    if not all(at in places for at in (*gone, *choice.elide)) or choice.omit & choice.summarise:
        raise PluginError(f"compactor {name!r} chose an entry that is not there, or one twice")
    if any(entries[at].fixed for at in gone):
        raise PluginError(f"compactor {name!r} gave up a system message")
    groups = {entries[at].group for at in gone}
    if any(entry.group in groups and at not in gone for at, entry in enumerate(entries)):
        raise PluginError(f"compactor {name!r} would split a tool call from its result")
    if any(part not in entries[at].outputs for at, parts in choice.elide.items() for part in parts):
        raise PluginError(f"compactor {name!r} would elide what is no tool's output")
    return choice


def applied(entries: Sequence[Entry], choice: Choice, counter: Counter) -> list[Entry]:
    """What ``choice`` leaves of ``entries``; those to be summarised are gone."""
    gone = choice.omit | choice.summarise
    kept = ((at, entry) for at, entry in enumerate(entries) if at not in gone)
    return [eliding(entry, choice.elide[at], counter) if at in choice.elide else entry for at, entry in kept]


def left_out(entries: Sequence[Entry], choice: Choice) -> list[Entry]:
    """Those that go though a call of theirs, or of their group, has not been answered yet."""
    gone = choice.omit | choice.summarise
    if not gone:
        return []
    _, grouping = grouped(entries)
    groups = {entries[at].group for at in grouping.waiting() & gone}
    return [entry for entry in entries if entry.group in groups] if groups else []


def rescued(entries: Sequence[Entry], pending: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """``entries``, with those of ``pending`` in their places whose calls were answered since; and who still waits.

    What was left out while its tool ran comes back with the result.
    """
    if not pending:
        return list(entries), []
    whole = sorted([*entries, *pending], key=lambda entry: entry.position)
    left = {entry.position for entry in pending}
    places = {at for at, entry in enumerate(whole) if entry.covered is None and entry.position in left}
    groups, _ = grouped(whole)
    shown = {group for at, group in enumerate(groups) if at not in places}
    waiting = {at for at in places if groups[at] not in shown}
    back = [entry for at, entry in enumerate(whole) if at not in waiting]
    return back, [whole[at] for at in sorted(waiting)][-PENDING:]
