"""A hint at what a misspelt word was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a sentence that suggests the nearest of ``words``, or nothing."""
    import difflib  # noqa: PLC0415 - only when something is misspelt

    close = difflib.get_close_matches(word, list(words), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
