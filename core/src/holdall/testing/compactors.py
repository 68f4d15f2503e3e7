"""``CompactorTests``: what every compactor must keep.

    from holdall.testing import CompactorTests

    class TestMiddle(CompactorTests):
        plugin = "middle"

What it gives up is its own business; that calls and results stay together, order and system messages stay, and that
nothing is left to chance, is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.sessions.compaction import Choice, Compactor, Entry
from holdall.sessions.compaction.choosing import applied, checked
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import regrouped, tokens_of
from holdall.sessions.views import Message
from holdall.testing.case import verifies
from holdall.testing.conversations import Words, conversations, entries_of, message, said
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests

__all__ = ["CompactorTests", "OpenCompactor", "opened"]

OpenCompactor = Callable[[], Compactor]
BUDGETS = st.integers(1, 400)
thorough = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def opened(found: Tested, options: Mapping[str, Any]) -> Compactor:
    """The compactor, opened as the core does it."""
    return found.offer.open(options_for(found, options))


def over(entries: list[Entry], budget: int) -> bool:
    """Whether a compactor is asked at all."""
    return tokens_of(entries) > budget


class CompactorTests(OfferTests):
    """Holds the compactor named ``plugin`` to what a context relies on.

    One that needs options overrides the fixture ``options``.
    """

    kind = "compactor"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> OpenCompactor:
        """Opens the compactor."""
        return lambda: opened(tested, options)

    @verifies("whole")
    def test_what_belongs_together_stays_together(self, opens: OpenCompactor) -> None:
        """A choice "that splits a group, or gives up what is fixed, is refused": no conversation leads to one."""
        compactor = opens()

        @thorough
        @given(conversations(), BUDGETS, st.none() | st.just("earlier words " * 20))
        def any_conversation(messages: list[Message], budget: int, summary: str | None) -> None:
            entries = entries_of(messages, summary)
            if over(entries, budget):
                choice = checked(self.plugin, entries, compactor.compact(entries, budget))
                kept = applied(entries, choice, Counter(Words()))
                assert [entry.position for entry in kept] == sorted(entry.position for entry in kept)
                assert not choice.summarise or choice.room > 0

        any_conversation()

    @verifies("repeatable")
    def test_the_same_context_has_the_same_choice(self, opens: OpenCompactor) -> None:
        """It is pure: "the same entries and budget, the same choice"; what it is given is left as it is."""
        first, second = opens(), opens()

        @thorough
        @given(conversations(), BUDGETS)
        def any_conversation(messages: list[Message], budget: int) -> None:
            entries = entries_of(messages)
            if over(entries, budget):
                before = msgspec.json.encode([[entry.tokens, entry.group, entry.message.raw] for entry in entries])
                choices = [compactor.compact(entries, budget) for compactor in (first, second, first)]
                assert choices[0] == choices[1] == choices[2]
                after = msgspec.json.encode([[entry.tokens, entry.group, entry.message.raw] for entry in entries])
                assert before == after, "it changed what it was given"

        any_conversation()

    @verifies("settled")
    def test_a_second_time_changes_nothing(self, opens: OpenCompactor) -> None:
        """What it left, shown to it again with the same budget, stays: or every reading would shrink the context."""
        compactor = opens()

        @thorough
        @given(conversations(), BUDGETS)
        def any_conversation(messages: list[Message], budget: int) -> None:
            entries = entries_of(messages)
            if over(entries, budget):
                choice = compactor.compact(entries, budget)
                kept = regrouped(applied(entries, choice, Counter(Words())))
                if not choice.summarise and over(kept, budget):
                    again = compactor.compact(kept, budget)
                    assert again in (Choice(), Choice(room=again.room)), f"it chose once more: {again}"

        any_conversation()

    @verifies("useful")
    def test_something_is_given_up(self, opens: OpenCompactor) -> None:
        """Of a long conversation with all kinds of messages it gives up something."""
        turns: list[dict[str, Any]] = [said("system", "be brief")]
        for number in range(40):
            call: dict[str, Any] = {"type": "tool_call", "id": f"c{number}", "name": "run", "arguments": {}}
            result = {"type": "tool_result", "id": f"c{number}", "content": "output " * 300}
            turns += [said("user", "question " * 30), {"role": "assistant", "content": [call]}]
            turns += [{"role": "tool", "content": [result]}, said("assistant", "answer " * 30)]
        entries = entries_of([message(at, turn) for at, turn in enumerate(turns)])
        choice = checked(self.plugin, entries, opens().compact(entries, tokens_of(entries) // 4))
        assert choice.omit or choice.elide or choice.summarise
