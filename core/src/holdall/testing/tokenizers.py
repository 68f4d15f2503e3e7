"""``TokenizerTests``: what every tokenizer must keep.

    from holdall.testing import TokenizerTests

    class TestWords(TokenizerTests):
        plugin = "words"

How many tokens a text is, is its own business, within reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.sessions.compaction import Tokenizer
from holdall.testing.case import verifies
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests

__all__ = ["OpenTokenizer", "TokenizerTests", "opened"]

OpenTokenizer = Callable[[], Tokenizer]
TEXTS = (
    "hello, world",
    "今日はいい天気ですね。",
    "你好，世界",  # noqa: RUF001 - as written
    "วันนี้อากาศดีมาก",
    "مرحبا",
    "🎉👩‍👩‍👧",
    "def f(x):\n\treturn x",
    "é" * 50,
)
thorough = settings(max_examples=100, deadline=None, database=None, derandomize=True)


def opened(found: Tested, options: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer, opened as the core does it."""
    return found.offer.open(options_for(found, options))


class TokenizerTests(OfferTests):
    """Holds the tokenizer named ``plugin`` to what counting relies on.

    One that needs options overrides the fixture ``options``.
    """

    kind = "tokenizer"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> OpenTokenizer:
        """Opens the tokenizer."""
        return lambda: opened(tested, options)

    @verifies("counts")
    def test_it_counts_any_text(self, opens: OpenTokenizer) -> None:
        """``count``: "0 for none", and a whole number for whatever somebody may write."""
        tokenizer = opens()
        assert tokenizer.count("") == 0

        @thorough
        @given(st.text(max_size=200))
        def any_text(text: str) -> None:
            counted = tokenizer.count(text)
            assert type(counted) is int, f"counted {counted!r}"
            assert 0 <= counted <= 8 * len(text), f"{counted} tokens for {len(text)} characters"

        any_text()

    @verifies("counts")
    def test_words_count_in_every_script(self, opens: OpenTokenizer) -> None:
        """More of a text is more tokens, in scripts with spaces and without: what is not counted passes every budget."""
        tokenizer = opens()
        for text in TEXTS:
            once, often = tokenizer.count(text), tokenizer.count("\n".join([text] * 20))
            assert once > 0, f"no tokens for {text!r}"
            assert often >= 10 * once, f"{once} tokens for {text!r}, and {often} for twenty times as much"

    @verifies("repeatable")
    def test_the_same_text_is_the_same_number(self, opens: OpenTokenizer) -> None:
        """By the protocol, "the same for the same text", and "several threads may ask"."""
        first, second = opens(), opens()
        texts = [text * n for text in TEXTS for n in range(1, 20)]
        expected = [first.count(text) for text in texts]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(first.count, texts)) == expected
        assert [second.count(text) for text in reversed(texts)] == expected[::-1]
