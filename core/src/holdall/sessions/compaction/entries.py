"""Entries of a context: made of messages and of summaries, with some of their output left out, or grouped anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.grouping import grouped
from holdall.sessions.compaction.kinds import Covered, Entry
from holdall.sessions.compaction.parts import elided, says_something
from holdall.sessions.views import Message

__all__ = ["Item", "counted", "eliding", "regrouped", "summary_item", "tokens_of", "without"]

_FIXED = ("system", "developer")


class Item(msgspec.Struct, frozen=True):
    """One message of a context, not counted yet; see ``Entry``."""

    position: int
    message: Message
    elided: Mapping[int, int] = {}
    covered: Covered | None = None


def counted(item: Item, counter: Counter) -> Entry:
    """An item with its tokens, and what could be saved of them."""
    message = item.message
    tokens, sizes = counter.message(message)
    saved = {at: size - counter.text(_note(size)) for at, size in sizes.items() if at not in item.elided}
    saved = {at: size for at, size in saved.items() if size > 0}
    summary = item.covered is not None
    fixed, said = message.role in _FIXED, not summary and says_something(message.fields)
    return Entry(
        item.position,
        message,
        tokens,
        fixed=fixed,
        said=said,
        outputs=saved,
        elided=item.elided,
        covered=item.covered,
    )


def summary_item(covered: Covered) -> Item:
    """A summary in the place of what it stands for, said by the user: what it tells has no more authority than they."""
    count = f"{covered.messages:,} earlier message{'' if covered.messages == 1 else 's'}"
    fields = {"id": covered.summary or "", "role": "user", "content": f"Summary of {count}:\n{covered.text}"}
    return Item(covered.first, Message(msgspec.json.encode(fields)), covered=covered)


def eliding(entry: Entry, parts: Iterable[int], counter: Counter) -> Entry:
    """``entry`` without the output of these parts of it."""
    _, sizes = counter.message(entry.message)
    gone = {at: sizes[at] for at in parts if at in entry.outputs}
    if not gone:
        return entry
    item = Item(entry.position, without(entry.message, gone), {**entry.elided, **gone}, entry.covered)
    return counted(item, counter)


def without(message: Message, sizes: Mapping[int, int]) -> Message:
    """``message``, with a note of its size for each output that is left out."""
    return elided(message, {at: _note(size) for at, size in sizes.items()})


def _note(tokens: int) -> str:
    return f"[tool output left out: {tokens:,} tokens]"


def tokens_of(entries: Iterable[Entry]) -> int:
    """The tokens of a context."""
    return sum(entry.tokens for entry in entries)


def regrouped(entries: Sequence[Entry]) -> list[Entry]:
    """``entries`` with the groups that they form; one member that is fixed makes its group so."""
    groups, _ = grouped(entries)
    fixed = {group for entry, group in zip(entries, groups, strict=True) if entry.fixed}
    replace = msgspec.structs.replace
    return [replace(entry, group=group, fixed=group in fixed) for entry, group in zip(entries, groups, strict=True)]
