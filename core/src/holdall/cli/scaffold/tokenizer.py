"""SUMMARY."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from holdall import hookimpl
from holdall.hooks import TokenizerOffer

__all__ = ["MykindSettings", "MykindTokenizer", "holdall_tokenizers"]


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[tokenizer.options]``."""

    # CHANGE 1: what your tokenizer can be told, such as the model or the file of its vocabulary.
    characters: Annotated[int, Meta(ge=1)] = 4
    """The most characters of a word that are one token."""


class MykindTokenizer:
    """Counts pieces of words, until you change that. Several threads may ask."""

    def __init__(self, settings: MykindSettings) -> None:
        # CHANGE 2: load the vocabulary; raise ``SettingsError`` of ``holdall.errors`` where it cannot be had.
        self._piece = re.compile(rf"\w{{1,{settings.characters}}}|[^\w\s]")

    def count(self, text: str) -> int:
        """The tokens of ``text``: 0 for none, and the same for the same text."""
        # CHANGE 3: count. Whatever a message may hold is a text, so nothing is raised.
        return sum(1 for _ in self._piece.finditer(text))


@hookimpl
def holdall_tokenizers() -> list[TokenizerOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    return [
        TokenizerOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindTokenizer,
            contract=1,
        )
    ]
