"""Which sentences say what the others say, too: TextRank, in a time that is bounded whatever it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import fsum, log

__all__ = ["ranked", "shortlist"]

_SHORTLIST = 120
"""How many sentences are compared with each other; the time grows with the square of it."""
_ROUNDS, _DAMPING = 15, 0.85


def shortlist(bags: Sequence[set[str]]) -> list[int]:
    """The places of at most so many sentences as can be ranked: those with the words that most others have, too."""
    if len(bags) <= _SHORTLIST:
        return list(range(len(bags)))
    weights = _weights(bags)
    common = Counter(word for bag in bags for word in bag)
    scores = [fsum(weights[word] * log(1 + common[word]) for word in bag) / (8 + len(bag)) for bag in bags]
    best = sorted(range(len(bags)), key=lambda at: (-scores[at], at))[:_SHORTLIST]
    return sorted(best)


def ranked(bags: Sequence[set[str]]) -> list[float]:
    """How central each sentence is, by the words that it shares; rare words count for more.

    Sums are exact (``fsum``): a set has no order that stays, and the same sentences have the same ranks everywhere.
    """
    weights = _weights(bags)
    near = [list[tuple[int, float]]() for _ in bags]
    totals = [0.0] * len(bags)
    for one, bag in enumerate(bags):
        for other in range(one):
            shared = bag & bags[other]
            if shared:
                alike = fsum(weights[word] for word in shared) / (log(1 + len(bag)) + log(1 + len(bags[other])))
                near[one].append((other, alike))
                near[other].append((one, alike))
                totals[one] += alike
                totals[other] += alike
    ranks = [1.0] * len(bags)
    for _ in range(_ROUNDS):
        shares = [rank / total if total else 0.0 for rank, total in zip(ranks, totals, strict=True)]
        ranks = [1 - _DAMPING + _DAMPING * fsum(shares[other] * alike for other, alike in pairs) for pairs in near]
    return ranks


def _weights(bags: Sequence[set[str]]) -> dict[str, float]:
    """How much a word tells: nothing if every sentence has it, little if only one does."""
    counts = Counter(word for bag in bags for word in bag)
    return {word: log(1 + len(bags) / count) for word, count in counts.items()}
