"""Which of several messages is best: Okapi's BM25, from what the index has, without reading one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import NamedTuple

from holdall_fts.lookups import Group

__all__ = ["Ranking"]

_SATURATION, _BY_LENGTH = 1.2, 0.75
_FINE = 8
"""Parts of one that weights are told in: a word that one in a million messages has weighs 14, or 112 parts."""


class Ranking(NamedTuple):
    """How much each word says, and how long a message usually is."""

    weights: Sequence[float]
    usual: float

    @classmethod
    def of(cls, counts: Sequence[int]) -> Ranking:
        """From small numbers, which a cursor has room for."""
        usual, *weights = counts
        return cls([weight / _FINE for weight in weights], usual)

    @staticmethod
    def counts(messages: int, words: int, having: Sequence[int]) -> list[int]:
        """Small numbers from those of messages, of all their words, and of the messages that have each word."""
        weights = [max(round(log(1 + (messages - count + 0.5) / (count + 0.5)) * _FINE), 1) for count in having]
        return [max(round(words / max(messages, 1)), 1), *weights]

    def scorer(self, groups: Sequence[Group]) -> Callable[[int, int], float]:
        """Of a segment's messages that have every word, by number and length, the score; the better, the higher."""
        weighed = [
            (weight * (_SATURATION + 1), group.often()) for weight, group in zip(self.weights, groups, strict=False)
        ]
        least, slope = _SATURATION * (1 - _BY_LENGTH), _SATURATION * _BY_LENGTH / self.usual

        def score(number: int, length: int) -> float:
            norm = least + slope * length
            found = 0.0
            for weight, often in weighed:
                times = often.get(number, 1)
                found += weight * times / (times + norm)
            return found

        return score
