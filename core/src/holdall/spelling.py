"""A hint at what a misspelt word was meant to be, and how it is said that a word must be one of a few."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

__all__ = ["nearest", "one_of", "reason_of"]


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a sentence that suggests the nearest of ``words``, or nothing."""
    import difflib  # noqa: PLC0415 - only when something is misspelt

    close = difflib.get_close_matches(word, list(words), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_of(words: Collection[str], given: str = "") -> str:
    """What is said of a value that is none of ``words``, with the one that ``given`` is nearest to."""
    return f"must be one of {', '.join(words)}{nearest(given, words)}"


def reason_of(fault: Mapping[str, Any]) -> str:
    """What is said of a fault that pydantic found (with its context): its own words, but for a choice and an absence."""
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] not in {"literal_error", "enum"}:
        return str(fault["msg"])
    words = str(fault["ctx"]["expected"]).replace(" or ", ", ").split(", ")
    return one_of([word.strip("'") for word in words])
