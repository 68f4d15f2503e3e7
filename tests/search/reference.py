"""What a search has to find, worked out by reading every text, with none of Holdall's code.

Of each text and query only what both are made of counts: letters, digits and emoji, without case, accents and width.
Chinese, Japanese, Korean, Thai and their like are looked for as a part of what is written without a gap; words of other
scripts as whole words, or as whole words of a name in code.
"""

from __future__ import annotations

import unicodedata
from functools import cache

_ENCLOSING = ("Mn", "Mc", "Me")
_WITHOUT_SPACES = (
    "CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA", "KATAKANA", "HANGUL", "THAI CHARACTER", "LAO ", "MYANMAR ",
    "KHMER ", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC NUMBER", "HALFWIDTH KATAKANA",
)  # fmt: skip
_BARE = ("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW")


@cache
def kind(char: str) -> str:
    """``glued``, ``word``, ``mark`` or nothing."""
    category, name = unicodedata.category(char), unicodedata.name(char, "")
    if category in _ENCLOSING and not name.startswith(_WITHOUT_SPACES):
        return "mark"
    if name.startswith(_WITHOUT_SPACES) and category[0] in "LMN":
        return "glued"
    return "word" if category[0] in "LN" else ""


def plain(text: str) -> str:
    """Without case, accents and width."""
    text = unicodedata.normalize("NFKD", text.casefold()).casefold()
    kept: list[str] = []
    base = ""
    for char in text:
        if unicodedata.category(char) == "Mn":
            if not unicodedata.name(base or "a", "").startswith(_BARE):
                kept.append(char)
        elif char != "\u0640":
            base = char
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))


def words(text: str) -> list[tuple[str, bool]]:
    """The runs of a text, each plain; and whether it is of a script without spaces."""
    found: list[list[str]] = []
    last = ""
    for char in text:
        now = kind(char)
        now = last if now == "mark" and last else now
        if now and now == last:
            found[-1].append(char)
        elif now:
            found.append([char])
        last = now
    return [("".join(run), kind(run[0]) == "glued") for run in found]


def parts(word: str) -> set[str]:
    """A word, and the words of a name in code that it is: ``getUserName`` is ``get``, ``user`` and ``name``, too."""
    if len(word) > 64:  # no word, but a key or a picture: known by how it begins
        return {plain(word[:64])}
    found, part = {plain(word)}, ""
    if not word.isascii() or word.isupper():  # a word in capitals is no name
        return found
    for at, char in enumerate(word):
        has_lower, begins_small = any(map(str.islower, part)), not part[:1].isupper()
        if char.isupper():
            starts = has_lower or begins_small or word[at + 1 : at + 2].islower()
        else:
            starts = char.islower() and not has_lower and not begins_small and len(part) > 1
        if starts and part:
            found.add(part.lower())
            part = ""
        part += char
    return found | {part.lower()}
