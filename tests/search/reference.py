"""What a search has to find, worked out by reading every text, with none of Holdall's code.

Of each text and query only what both are made of counts: letters, digits and emoji, without case, accents and width.
Chinese, Japanese, Korean, Thai and their like are looked for as a part of what is written without a gap; words of other
scripts as whole words, or as whole words of a name in code. A phrase is looked for in the text spelled out: a mark before
each word, a name in code as a whole and then its words.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from typing import TypeVar

__all__ = ["Reading", "Term", "parts", "plain", "runs"]

T = TypeVar("T")
_ENCLOSING = ("Mn", "Mc", "Me")
_WITHOUT_SPACES = (
    "CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA", "KATAKANA", "HANGUL", "THAI CHARACTER", "LAO ", "MYANMAR ",
    "KHMER ", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC NUMBER", "HALFWIDTH KATAKANA",
)  # fmt: skip
_BARE = ("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "COMBINING")
_INVISIBLE = ("VARIATION SELECTOR", "COMBINING ENCLOSING KEYCAP")
_PICTURES = [
    (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139), (0x2194, 0x21AA), (0x231A, 0x23FF),
    (0x24C2, 0x24C2), (0x25AA, 0x27BF), (0x2934, 0x2935), (0x2B05, 0x2B55), (0x3030, 0x3030), (0x303D, 0x303D),
    (0x3297, 0x3297), (0x3299, 0x3299), (0x1F004, 0x1F004), (0x1F0CF, 0x1F0CF), (0x1F170, 0x1F1E5), (0x1F200, 0x1F3FA),
    (0x1F400, 0x1FAFF),
]  # fmt: skip
"""What counts as a picture: Unicode's emoji without the copyright and the trade mark, and the symbols between them."""
_LONGEST = 64


_ascii = re.compile("[A-Za-z0-9]+").findall


@cache
def kind(char: str) -> str:
    """``glued``, ``word``, ``mark``, ``picture``, ``flag`` (half of one), ``unseen`` or nothing."""
    category, name = unicodedata.category(char), unicodedata.name(char, "")
    if name.startswith(_INVISIBLE):
        return "unseen"
    if name.startswith("REGIONAL INDICATOR"):
        return "flag"
    if any(first <= ord(char) <= last for first, last in _PICTURES):
        return "picture"
    if category in _ENCLOSING and not name.startswith(_WITHOUT_SPACES):
        return "mark"
    if name.startswith(_WITHOUT_SPACES) and category[0] in "LMN":
        return "glued"
    return "word" if category[0] in "LN" else ""


@cache
def plain(text: str) -> str:
    """Without case, accents and width."""
    text = unicodedata.normalize("NFKD", text.casefold()).casefold()
    kept: list[str] = []
    base = ""
    for char in text:
        if unicodedata.category(char) == "Mn":
            if not unicodedata.name(base or char, "").startswith(_BARE):
                kept.append(char)
        elif char != "\u0640":
            base = char
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))


def runs(text: str) -> list[tuple[str, str]]:
    """The runs of a text, and what they are: ``word``, ``glued``, ``picture``."""
    if text.isascii():
        return [(run, "word") for run in _ascii(text)]
    found: list[tuple[list[str], str]] = []
    last = ""
    for char in text:
        now = kind(char)
        if now == "unseen":
            continue
        if now == "mark":
            now = last if last in {"word", "glued"} else "word"
        if now and now == last and now != "picture":
            found[-1][0].append(char)
            last = "flag, whole" if now == "flag" else now
        else:
            found += [([char], now)] if now else []
            last = now
    flags = (("".join(run), "picture" if is_ == "flag" else is_) for run, is_ in found if is_ != "flag" or len(run) > 1)
    return list(flags)


@cache
def humps(word: str) -> tuple[str, ...]:
    """The words of a name in code, as ``getUserName`` is ``get``, ``user`` and ``name``; or the word itself."""
    if len(word) > _LONGEST:  # no word, but a key or a picture: known by how it begins
        return (plain(word[:_LONGEST]),)
    if not word.isascii() or word.isupper():  # a word in capitals is no name
        return (plain(word),)
    found: list[str] = []
    part = ""
    for at, char in enumerate(word):
        has_lower, begins_small = any(map(str.islower, part)), not part[:1].isupper()
        if char.isupper():
            starts = has_lower or begins_small or word[at + 1 : at + 2].islower()
        else:
            starts = char.islower() and not has_lower and not begins_small and len(part) > 1
        if starts and part:
            found.append(part.lower())
            part = ""
        part += char
    return (*found, part.lower())


@cache
def parts(word: str) -> frozenset[str]:
    """A word, and the words of a name in code that it is."""
    return frozenset((plain(word[:_LONGEST]), *humps(word))) - {""}


class Reading:
    """A text as it is read here."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = runs(text)
        self.words = frozenset().union(*(parts(run) for run, is_ in found if is_ == "word"))
        self.glued = [plain(run) for run, is_ in found if is_ == "glued"]
        self.pictures = frozenset(run for run, is_ in found if is_ == "picture")

    @cached_property
    def _ordered(self) -> list[str]:
        return sorted(self.words)

    def has_beginning(self, beginning: str) -> bool:
        """Whether a word begins so."""
        at = bisect_left(self._ordered, beginning)
        return at < len(self._ordered) and self._ordered[at].startswith(beginning)

    @cached_property
    def spelled(self) -> str:
        """The text spelled out, for phrases."""
        return "".join(_spelled(self.text))


def _spelled(text: str) -> list[str]:
    found: list[str] = []
    for run, is_ in runs(text):
        if is_ == "picture":
            found.append(f"\x01{run}")
        elif is_ == "glued":
            found.append("\x01" + "\x02".join(plain(run)))
        elif len(own := humps(run)) > 1:
            found.append(f"\x03{plain(run)}\x04\x01" + "\x01".join(own) + "\x05")
        elif own[0]:
            found.append(f"\x01{own[0]}")
    return found


class Term:
    """One thing that is looked for: a ``word``, a ``beginning``, a run ``glued``, a ``phrase``."""

    def __init__(self, kind_: str, value: str) -> None:
        self.kind = kind_
        self.value = value
        self._plain = plain(value.removesuffix("*"))
        if kind_ == "phrase":
            found = runs(value)
            star = value.rstrip().endswith("*")
            known = (pair for pair in found[: len(found) - star] if pair[1] != "word" or len(humps(pair[0])) == 1)
            self._runs = [(_folded(run, is_), is_) for run, is_ in known]
            self._phrase = re.compile(_pattern(found, beginning=star))

    def __repr__(self) -> str:
        return f"{self.kind} {self.value!r}"

    def among(self, readings: Iterable[T], read: Callable[[T], Reading]) -> list[T]:
        """Those that have it."""
        wanted = self._plain
        if self.kind == "word":
            return [one for one in readings if wanted in read(one).words]
        if self.kind == "glued":
            return [one for one in readings if any(wanted in run for run in read(one).glued)]
        if self.kind == "beginning":
            return [one for one in readings if read(one).has_beginning(wanted)]
        found = list(readings)
        for run, is_ in self._runs:
            found = [one for one in found if _has(read(one), run, is_)]
        return [one for one in found if self._phrase.search(read(one).spelled)]


def _folded(run: str, is_: str) -> str:
    return {"word": humps(run)[0], "glued": plain(run)}.get(is_, run)


def _has(reading: Reading, run: str, is_: str) -> bool:
    """Whether a text has a run of a phrase at all."""
    if is_ == "glued":
        return any(run in glued for glued in reading.glued)
    return not run or run in (reading.words if is_ == "word" else reading.pictures)


_END = "(?![^\x01-\x05])"


def _pattern(found: list[tuple[str, str]], *, beginning: bool) -> str:
    """A phrase as what it looks like spelled out."""
    pieces: list[str] = []
    for index, (run, is_) in enumerate(found):
        end = "" if beginning and index == len(found) - 1 and is_ == "word" else _END
        if is_ == "glued" and plain(run):
            first, *rest = plain(run)
            pieces.append(f"\x05?[\x01\x02]{re.escape(first)}" + "".join(f"\x02{re.escape(char)}" for char in rest))
        elif is_ == "picture":
            pieces.append(f"\x05?\x01{re.escape(run)}")
        elif is_ == "word":
            pieces.append(_word(run, end))
    return "".join(pieces)


def _word(run: str, end: str) -> str:
    own = humps(run)
    if not own[0]:
        return ""
    before = "\x05?(?:\x03[^\x04]*\x04)?\x01"
    *first, last = (re.escape(part) for part in own)
    split = "".join(f"{before}{part}{_END}" for part in first) + before + last + end
    whole = re.escape(plain(run))
    joined = "" if len(own) == 1 else f"|{before}{whole}{end}"
    rest = "" if end else "[^\x04]*"
    named = f"\x05?\x03{whole}{rest}\x04[^\x05]*"
    return f"(?:{split}{joined}|{named})"
