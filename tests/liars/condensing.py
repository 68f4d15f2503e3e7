"""Tokenizers, compactors and summarisers that lie, as one single-file plugin, and an honest one of each kind."""

from __future__ import annotations

import itertools

from holdall.hooks import CompactorOffer, NoSettings, SummariserOffer, TokenizerOffer, hookimpl
from holdall.sessions.compaction import Choice

TOKENIZERS, COMPACTORS, SUMMARISERS = [], [], []
OFFERS = {
    "tokenizer": (TOKENIZERS, TokenizerOffer),
    "compactor": (COMPACTORS, CompactorOffer),
    "summariser": (SUMMARISERS, SummariserOffer),
}
COUNT = itertools.count()


def offers(kind, *caught_by):
    """Offer the class as a ``kind``; each test of ``caught_by`` must fail with it."""

    def offer(liar):
        liar.caught_by = caught_by
        listed, made = OFFERS[kind]
        listed.append(made(liar.__name__, liar.__doc__, NoSettings, lambda _: liar()))
        return liar

    return offer


@hookimpl
def holdall_tokenizers():
    return TOKENIZERS


@hookimpl
def holdall_compactors():
    return COMPACTORS


@hookimpl
def holdall_summarisers():
    return SUMMARISERS


# --- tokenizers ----------------------------------------------------------------------------------------------------


@offers("tokenizer")
class Bytes:
    """A byte is a token."""

    def count(self, text):
        return len(text.encode(errors="replace"))


@offers("tokenizer", "test_it_counts_any_text")
class Averages(Bytes):
    """Counts in quarters."""

    def count(self, text):
        return len(text) / 4


@offers("tokenizer", "test_words_count_in_every_script")
class Spaces(Bytes):
    """Words have spaces between them, it thinks; lines it does not see."""

    def count(self, text):
        return text.count(" ")


@offers("tokenizer", "test_the_same_text_is_the_same_number")
class Guesses(Bytes):
    """Counts one more now and then."""

    def count(self, text):
        return len(text) + next(COUNT) % 2 if text else 0


# --- compactors ----------------------------------------------------------------------------------------------------


@offers("compactor")
class Newest:
    """Keeps the newest group."""

    def compact(self, entries, budget):
        newest = entries[-1].group if entries else None
        return Choice(omit=frozenset(at for at, each in enumerate(entries) if not each.fixed and each.group != newest))


@offers("compactor", "test_what_belongs_together_stays_together")
class Splits(Newest):
    """Leaves out all but the last entry, whatever belongs to it."""

    def compact(self, entries, budget):
        return Choice(omit=frozenset(at for at, each in enumerate(entries[:-1]) if not each.fixed))


@offers("compactor", "test_the_same_context_has_the_same_choice")
class Dices(Newest):
    """Does something else now and then."""

    def compact(self, entries, budget):
        return Choice() if next(COUNT) % 2 else super().compact(entries, budget)


@offers("compactor", "test_a_second_time_changes_nothing")
class Nibbles(Newest):
    """Leaves out one group at a time."""

    def compact(self, entries, budget):
        oldest = next((each.group for each in entries if not each.fixed), None)
        return Choice(omit=frozenset(at for at, each in enumerate(entries) if not each.fixed and each.group == oldest))


@offers("compactor", "test_something_is_given_up")
class Clings(Newest):
    """Gives up nothing."""

    def compact(self, entries, budget):
        return Choice()


# --- summarisers ---------------------------------------------------------------------------------------------------


@offers("summariser")
class Terse:
    """Says how many there were."""

    about = {"kind": "terse"}  # noqa: RUF012 - nobody writes to it

    async def summarise(self, brief):
        return f"{len(brief.messages) + brief.earlier_messages} messages"


@offers("summariser", "test_it_summarises_what_it_is_given")
class Verbose(Terse):
    """Says all of it again."""

    async def summarise(self, brief):
        return "\n".join(message.text for message in brief.messages) or "nothing"


@offers("summariser", "test_messages_without_words_are_no_error")
class Joins(Terse):
    """Thinks that there are always words."""

    async def summarise(self, brief):
        return next(message.text for message in brief.messages if message.text)[:20]


@offers("summariser", "test_it_says_how_it_works")
class Tells(Terse):
    """Tells its secrets."""

    about = {"api_key": "sk-1"}  # noqa: RUF012 - nobody writes to it


@offers("summariser", "test_several_at_once")
class Single(Terse):
    """Can do one thing at a time, and forgets who asked."""

    def __init__(self):
        self._busy = False

    async def summarise(self, brief):
        import asyncio  # noqa: PLC0415

        if self._busy:
            return ""
        self._busy = True
        await asyncio.sleep(0)
        self._busy = False
        return await super().summarise(brief)
