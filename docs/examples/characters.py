"""A tokenizer that knows one thing: a token is about so many characters."""

from __future__ import annotations

from math import ceil
from typing import Annotated

from holdall import hookimpl
from holdall.hooks import TokenizerOffer

from msgspec import Meta, Struct

__all__ = ["Characters", "CharactersSettings", "holdall_tokenizers"]


class CharactersSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[tokenizer.options]``."""

    each: Annotated[int, Meta(ge=1)] = 4
    """Characters of a token."""


class Characters:
    """Counts characters."""

    def __init__(self, settings: CharactersSettings) -> None:
        self._each = settings.each

    def count(self, text: str) -> int:
        return ceil(len(text) / self._each)


@hookimpl
def holdall_tokenizers() -> list[TokenizerOffer[CharactersSettings]]:
    about = "so many characters are a token"
    return [TokenizerOffer("characters", about, CharactersSettings, Characters, contract=1)]
