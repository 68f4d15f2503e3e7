"""The tokenizer ``estimate``: about how many tokens a text is, without any vocabulary.

It counts the pieces that byte-pair encodings tend to make of a text: short words whole, digits by three, a Chinese
character each, and so on. How far off it is, is in the README.
"""

from __future__ import annotations

import re
from math import ceil
from typing import Annotated

from msgspec import Meta, Struct

from holdall import hookimpl
from holdall.hooks import TokenizerOffer

__all__ = ["Estimate", "EstimateSettings", "holdall_tokenizers"]

_KINDS = (
    r"[A-Za-z][a-z]{0,10}",
    r"[^\S\n]{2,16}",  # one space belongs to the word behind it
    "[\u0e00-\u0e7f]{1,4}",  # Thai, its marks included
    "[\u0900-\u0dff]{1,4}",  # the scripts of India, likewise
    r"[^\w\s]{1,3}",
    r"\d{1,3}",
    r"\n\s*",
    "[\u4e00-\u9fff]",
    "[\u3041-\u30ff]{1,2}",  # kana
    "[\uac00-\ud7a3]{1,2}",  # Hangul
    r"[^\W\d_A-Za-z]{1,3}",
    "_",
)
_PIECES = re.compile("|".join(_KINDS))


class EstimateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[tokenizer.options]``."""

    scale: Annotated[
        float,
        Meta(
            gt=0,
            le=10,
            description="What the estimate is multiplied by, for a model whose tokens are smaller or larger.",
        ),
    ] = 1.0


class Estimate:
    """Estimates."""

    def __init__(self, settings: EstimateSettings) -> None:
        self._scale = settings.scale

    def count(self, text: str) -> int:
        """About how many tokens ``text`` is."""
        return ceil(len(_PIECES.findall(text)) * self._scale)


@hookimpl
def holdall_tokenizers() -> list[TokenizerOffer[EstimateSettings]]:
    """Offer it as ``estimate``."""
    about = "about how many tokens a text is, without a vocabulary"
    return [TokenizerOffer("estimate", about, EstimateSettings, Estimate, contract=1)]
