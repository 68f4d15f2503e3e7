"""Records such as sessions are made of, the same on every run; and bytes that nothing makes smaller."""

from __future__ import annotations

import json
import random

__all__ = ["noise", "records"]

_WORDS = [
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
    "file",
    "error",
    "return",
    "test",
    "value",
    "path",
    "line",
    "user",
    "change",
    "run",
    "function",
    "module",
    "import",
    "list",
    "request",
    "answer",
    "session",
    "message",
    "store",
]
_CODE = "\n```python\ndef {0}_{1}(items):\n    return [item.{2} for item in items if item.{0}]\n```\n"


def records(count: int, seed: int = 1) -> list[bytes]:
    """``count`` messages as JSON, 0.2 to 4 kB."""
    rng = random.Random(seed)  # noqa: S311 - the same text on every run
    return [_record(rng, number) for number in range(count)]


def noise(size: int, seed: int = 1) -> bytes:
    """``size`` bytes without any pattern."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - the same bytes on every run


def _record(rng: random.Random, number: int) -> bytes:
    parts: list[str] = []
    size = int(200 * 18 ** rng.random())
    while sum(map(len, parts)) < size:
        some = [rng.choice(_WORDS) for _ in range(rng.randint(5, 18))]
        parts.append(_CODE.format(*some) if rng.random() < 0.1 else " ".join(some).capitalize() + ". ")
    role = ("user", "assistant")[number % 2]
    text = "".join(parts)[:size]
    return json.dumps({"id": f"main-{number}", "role": role, "content": text, "created_at": number * 997}).encode()
