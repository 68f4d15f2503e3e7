"""What a plugin's tokenizer and compactor are like, and what a compactor is shown and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from holdall.sessions.views import Message

__all__ = ["Choice", "Compactor", "Covered", "Entry", "Tokenizer"]


class Tokenizer(Protocol):
    """Says how many tokens a text is for a model, or about how many."""

    def count(self, text: str) -> int:
        """The tokens of ``text``: 0 for none, and the same for the same text. Several threads may ask."""
        ...


class Covered(msgspec.Struct, frozen=True):
    """What a summary stands for."""

    first: int
    """The position of the first message, along the conversation."""
    last: int
    """The position of the last one."""
    messages: int
    """How many messages were read for it."""
    text: str
    summary: str | None = None
    """Its id, once it is stored."""
    builds_on: str | None = None
    """The id of the summary that it was made of, beside messages."""


class Entry(msgspec.Struct, frozen=True):
    """One message of a context, as a model would see it."""

    position: int
    """Its place in the conversation; a summary's is that of the first message that it stands for."""
    message: Message
    tokens: int
    group: int = 0
    """Entries of one group stay or go together: a tool call and what answered it. Others have numbers of their own."""
    fixed: bool = False
    """Whether it stays whatever happens: a system message."""
    said: bool = False
    """Whether the user speaks here, rather than a tool in the user's name."""
    outputs: Mapping[int, int] = {}
    """The parts that are a tool's output, and how many tokens eliding each would save. A text counts as part 0."""
    elided: Mapping[int, int] = {}
    """The parts that are elided already, and how many tokens each had."""
    covered: Covered | None = None
    """What it stands for, if it is a summary of earlier messages."""


class Choice(msgspec.Struct, frozen=True):
    """What shall not be shown as it is: by the places of entries in the list that a compactor was given."""

    omit: frozenset[int] = frozenset()
    """Entries to leave out."""
    elide: Mapping[int, Sequence[int]] = {}
    """Parts of entries that are a tool's output, to be replaced by a note of their size."""
    summarise: frozenset[int] = frozenset()
    """Entries to replace by one summary."""
    room: int = 0
    """The most tokens that this summary may have."""


class Compactor(Protocol):
    """Chooses what of a context stays, so that it fits a budget.

    It is pure: the same entries and budget, the same choice; no I/O, no chance. What it chooses can neither change the
    order nor the words of what stays. A choice that splits a group, or gives up what is fixed, is refused.
    """

    def compact(self, entries: Sequence[Entry], budget: int) -> Choice:
        """What to give up of ``entries``, oldest first, which are over ``budget`` tokens.

        A choice that is not enough is followed by that of the next compactor in the configuration.
        """
        ...
