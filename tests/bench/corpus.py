"""The conversation that every workload stores: messages of 200 B to 4 kB, the same bytes on every run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

SEED = 1789
SMALLEST, LARGEST = 200, 4000
_POOL = 997  # a prime, so that neighbours in one conversation are not neighbours in the next
_ROOTS = [
    "ar",
    "bel",
    "cor",
    "dun",
    "est",
    "fal",
    "gor",
    "hin",
    "ist",
    "jun",
    "kel",
    "lor",
    "mar",
    "nel",
    "ost",
    "pir",
    "quin",
    "ros",
    "sal",
    "tor",
    "ul",
    "vern",
    "wes",
    "yar",
    "zel",
]
_ENDS = ["a", "en", "ing", "ed", "s", "er", "ly", "tion", "é", "ö"]
_PLAIN = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "for",
    "was",
    "on",
    "are",
    "with",
    "as",
    "be",
    "this",
    "have",
    "from",
    "or",
    "by",
    "not",
    "at",
    "which",
    "but",
    "we",
    "you",
]
_CODE = "\n```python\ndef {0}_{1}(items):\n    return [item.{2} for item in items if item.{0}]\n```\n"


def _pick(rng: random.Random, words: list[str]) -> str:
    return words[int(rng.random() * len(words))]


def _word(rng: random.Random) -> str:
    if rng.random() < 0.55:
        return _pick(rng, _PLAIN)
    return "".join(_pick(rng, _ROOTS) for _ in range(1 + int(rng.random() * 2))) + _pick(rng, _ENDS)


def _text(rng: random.Random, size: int) -> str:
    parts: list[str] = []
    length = 0
    while length < size:
        if rng.random() < 0.12:
            part = _CODE.format(*(_pick(rng, _ROOTS) for _ in range(3)))
        else:
            part = " ".join(_word(rng) for _ in range(5 + int(rng.random() * 14))).capitalize() + ". "
        parts.append(part)
        length += len(part)
    return "".join(parts)[:size]


@cache
def _pool() -> list[str]:
    """Texts whose sizes are spread evenly over the orders of magnitude: many short ones, few long ones."""
    rng = random.Random(SEED)
    room = 120  # for the role, the quotes, escapes and two-byte letters
    spread = (LARGEST - 4 * room) / SMALLEST
    return [_text(rng, int(SMALLEST * spread ** rng.random())) for _ in range(_POOL)]


def message(number: int) -> dict[str, Any]:
    """The message at ``number`` of the conversation."""
    role = ("user", "assistant")[number % 2]
    return {"role": role, "content": f"{number}: {_pool()[number * 389 % _POOL]}"}


def messages(start: int, stop: int) -> list[dict[str, Any]]:
    """A run of the conversation."""
    return [message(number) for number in range(start, stop)]


def batches(count: int, size: int = 500) -> Iterator[list[dict[str, Any]]]:
    """The first ``count`` messages, in batches."""
    for start in range(0, count, size):
        yield messages(start, min(start + size, count))


def encoded(number: int) -> bytes:
    """A message as the plain JSON that a client would send."""
    return json.dumps(message(number), ensure_ascii=False, separators=(",", ":")).encode()
