"""Sentences and words, in scripts with spaces and without."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["sentences", "words"]

_LONGEST = 400
"""Characters of a sentence; what is longer is cut at a pause, or where it stands."""
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_END = re.compile(r"([。．！？؟۔।…]+[」』）”\"')\]]*|[.!?]+[」』）”\"')\]]*(?=\s))")  # noqa: RUF001 - the world over
_THAI = re.compile("(?<=[\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff]) +(?=[\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff])")
"""Thai, Lao and Khmer put a space where others put a full stop, and none between words."""
_PAUSE = re.compile(r"(?<=[、，,;；:])\s*")  # noqa: RUF001
_WORD = re.compile(
    "[\u0e00-\u0eff\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]+|[^\\W_]+"  # those without spaces first
)
_UNSPACED = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_LEAST = 2


def sentences(text: str) -> Iterator[str]:
    """The sentences of ``text``, in order, without blocks of code; every one has a letter or digit."""
    for piece in _END.sub(r"\1\n", _CODE.sub("\n", text)).split("\n"):
        for line in _THAI.split(piece):
            for part in [line] if len(line) <= _LONGEST else _cut(line):
                sentence = " ".join(part.split()).lstrip("-*#>• ")
                if len(sentence) >= _LEAST and any(map(str.isalnum, sentence)):
                    yield sentence


def _cut(line: str) -> Iterator[str]:
    """A sentence that has no end, in pieces: at pauses, as long as they may be."""
    piece = ""
    for part in _PAUSE.split(line):
        if piece and len(piece) + len(part) > _LONGEST:
            yield piece
            piece = ""
        piece += part if _UNSPACED.search(part) else f" {part}"
        while len(piece) > _LONGEST:
            yield piece[:_LONGEST]
            piece = piece[_LONGEST:]
    yield piece


def words(sentence: str) -> set[str]:
    """What a sentence is compared by: its words, and pairs of characters where words have no spaces between them."""
    found: set[str] = set()
    for word in _WORD.findall(sentence.lower()):
        if _UNSPACED.match(word):
            found.update(word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            found.add(word)
    return found
