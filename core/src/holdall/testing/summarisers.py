"""``SummariserTests``: what every summariser must keep.

    from holdall.testing import SummariserTests

    class TestFirstWords(SummariserTests):
        plugin = "first-words"

How good a summary is, no test can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from holdall.sessions.summaries import Brief, Summariser
from holdall.sessions.views import Message
from holdall.testing.case import verifies
from holdall.testing.conversations import Words, message, said
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests

__all__ = ["OpenSummariser", "SummariserTests", "opened", "talk"]

OpenSummariser = Callable[[], Summariser]
_LEEWAY = 1.5
"""How far over its tokens a summary may be: models count by tokens of their own."""


def opened(found: Tested, options: Mapping[str, Any]) -> Summariser:
    """The summariser, opened as the core does it."""
    return found.offer.open(options_for(found, options))


def talk(count: int) -> list[Message]:
    """A conversation of ``count`` messages."""
    lines = ("The cache is full of old pages.", "Which pages are old?", "Those that nobody read since the last sweep.")
    return [message(at, said(("user", "assistant")[at % 2], f"{lines[at % 3]} Case {at}.")) for at in range(count)]


class SummariserTests(OfferTests):
    """Holds the summariser named ``plugin`` to what a record of a summary relies on.

    One that needs options, or a service, overrides the fixture ``options``.
    """

    kind = "summariser"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> OpenSummariser:
        """Opens the summariser."""
        return lambda: opened(tested, options)

    @verifies("briefed")
    def test_it_summarises_what_it_is_given(self, opens: OpenSummariser) -> None:
        """``summarise``: "the summary, never empty", of a message, of many, and of those behind an earlier summary."""
        words = Words()

        async def all_of_them() -> list[str]:
            summariser = opens()
            briefs = [Brief(talk(count), 60, words.count) for count in (1, 30, 300)]
            briefs.append(Brief(talk(40), 60, words.count, "Earlier they spoke of disks.", 200))
            return [await summariser.summarise(brief) for brief in briefs]

        for text in asyncio.run(all_of_them()):
            assert text.strip(), "an empty summary"
            assert words.count(text) <= 60 * _LEEWAY, f"{words.count(text)} tokens, where 60 were asked for"

    @verifies("briefed")
    def test_messages_without_words_are_no_error(self, opens: OpenSummariser) -> None:
        """Conversations have messages that say nothing: calls, pictures, parts that nobody knows."""
        contents: list[Any] = ["", [], [{"type": "image", "url": "x.png"}], [{"type": "odd"}]]
        call = {"type": "tool_call", "id": "1", "name": "run", "arguments": {"a": 1}}
        contents += [[call], [{"type": "tool_result", "id": "1", "content": {"deep": [1, 2]}}]]
        messages = [message(at, {"role": "assistant", "content": each}) for at, each in enumerate(contents)]

        async def summarised() -> str:
            return await opens().summarise(Brief(messages, 60, Words().count))

        assert asyncio.run(summarised()).strip()

    @verifies("attributed")
    def test_it_says_how_it_works(self, opens: OpenSummariser) -> None:
        """``about`` goes into a record: it is JSON, and has no secret in it that a name gives away."""
        about = opens().about
        assert msgspec.json.decode(msgspec.json.encode(dict(about))) == dict(about)
        assert not [name for name in about if any(word in name.lower() for word in ("key", "token", "secret"))]

    @verifies("concurrent")
    def test_several_at_once(self, opens: OpenSummariser) -> None:
        """By the protocol, "several calls may be on their way at once"; and the event loop goes on meanwhile."""

        async def together() -> list[str]:
            summariser = opens()
            briefs = [Brief(talk(20 + number), 60, Words().count) for number in range(4)]
            return await asyncio.gather(*(summariser.summarise(brief) for brief in briefs))

        assert all(text.strip() for text in asyncio.run(together()))
