"""Text as a run of atoms: words, parts of identifiers, single characters of scripts without spaces, emoji.

An atom is folded: case, accents and width make no difference. In scripts that are written without spaces (Chinese,
Japanese, Thai ...), and in Korean, whose words take endings, every character is an atom; those that follow each other
directly are *glued*. ``getUserName`` and ``user_name`` are the atoms ``get user name`` and ``user name``; the former is
also found as the *whole* word ``getusername``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from operator import add
from typing import NamedTuple

__all__ = ["LONGEST", "Atom", "atoms", "fold", "is_plain", "terms_of"]

LONGEST = 64
"""Characters of a word that count: what is longer is no word, but a hash, a key, a picture."""

_GLUED = (
    "\u0e00-\u0e3e\u0e40-\u0e4e\u0e80-\u0ece\u1000-\u109f\u1780-\u17d3\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9d\uffa1-\uffdc\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, Hangul, kana, bopomofo, Han."""
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0963\u0971-\u0df3\u0f18-\u0fbc"
    "\u135d-\u135f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\ufe00-\ufe0f\U000e0100-\U000e01ef"
)
"""What Python does not count as part of a word, and is: combining marks, vowel signs of Indic scripts, variants."""
_EMOJI = (
    "\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f004\U0001f0cf\U0001f170-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
)
_VOICED = "[\u3099\u309a\uff9e\uff9f]?[\ufe00-\ufe0f\U000e0100-\U000e01ef]*"
_WORD = rf"(?:[^\W_{_GLUED}\uff9e\uff9f]++|[{_MARKS}]++)++"
_SINGLE = rf"(?:[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[{_GLUED}]{_VOICED})"
_PICTURE = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}]"
_GAP = rf"[^\w{_MARKS}{_GLUED}\uff9e\uff9f{_EMOJI}\U0001f1e6-\U0001f1ff]{{64,}}+|_{{64,}}+"
"""Much of what is of no word, which is passed over at once: looking for a word at each character of it takes ten times as long."""
_atom = re.compile(rf"(?P<word>{_WORD})|(?P<glued>{_SINGLE})|(?P<emoji>{_PICTURE})|{_GAP}").finditer
_not_plain = re.compile(rf"[^\W\x00-\x7f_{_GLUED}]|[{_MARKS}\u3099\u309a\uff9e\uff9f]").search
_words, _runs, _singles, _pictures = (
    re.compile(pattern).findall for pattern in (f"({_WORD})|{_SINGLE}", f"{_SINGLE}+", _SINGLE, _PICTURE)
)
_ascii_words = re.compile(r"[A-Za-z0-9]+").findall
_humps = re.compile(r"[A-Z][A-Z0-9]*(?=[A-Z][a-z])|[A-Z]?[a-z][a-z0-9]*|[A-Z][A-Z0-9]*|[0-9][a-z0-9]*").finditer
_accents = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u20dd-\u20e0\u20e2-\u20e4\ufe00-\ufe0f\U000e0100-\U000e01ef]"
).sub


class Atom(NamedTuple):
    """One atom of a text, and where it is there."""

    text: str
    start: int
    stop: int
    single: bool = False
    """Whether it is a single character of a script without spaces."""
    glued: bool = False
    """Whether it follows the one before directly, both of them such characters."""
    whole: str = ""
    """The whole word that it begins, where that has more parts."""
    parts: int = 1
    """Of how many atoms that word is."""


def is_plain(text: str) -> bool:
    """Whether all words of ``text`` are of plain letters and digits, or of single characters."""
    return text.isascii() or _not_plain(text) is None


def fold(text: str) -> str:
    """``text`` without case, accents, vowel points and differences of width."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return unicodedata.normalize("NFC", _accents("", plain))


@lru_cache(maxsize=1 << 16)
def _parts(word: str) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """A word folded whole (empty where it has no parts), and its parts with their places in it."""
    length = len(word)
    if length > LONGEST or not word.isascii() or word[1:].islower() or word.isupper() or not word[1:].isalnum():
        text = fold(word[:LONGEST])
        return "", ((text, 0, length),) if text else ()
    parts = tuple((hump.group().lower(), hump.start(), hump.end()) for hump in _humps(word))
    return (word.lower() if len(parts) > 1 else ""), parts


_long_parts = _parts.__wrapped__  # nothing is kept of what is long, which may be as long as a message


@lru_cache(maxsize=1 << 16)
def _folded(text: str) -> str:
    """A single character folded; what of it is cut off as too long are marks, of which nothing is left."""
    return fold(text)


def atoms(text: str, begin: int = 0) -> Iterator[Atom]:
    """The atoms of ``text``, in order, from where a word begins."""
    glue = -1
    for found in _atom(text, begin):
        start, stop = found.span()
        kind = found.lastgroup
        if kind == "glued":
            yield Atom(_folded(found.group()[:LONGEST]), start, stop, single=True, glued=start == glue)
            glue = stop
        elif kind == "emoji":
            yield Atom(found.group(), start, stop)
        elif kind:
            whole, parts = (_parts if stop - start <= LONGEST else _long_parts)(found.group())
            for part, first, last in parts:
                if whole and first == 0:
                    yield Atom(part, start, start + last, whole=whole, parts=len(parts))
                else:
                    yield Atom(part, start + first, start + last)


@lru_cache(maxsize=1 << 16)
def _terms(word: str) -> tuple[str, ...]:
    whole, parts = (_parts if len(word) <= LONGEST else _long_parts)(word)
    texts = tuple(part[0] for part in parts)
    return (*texts, whole) if whole else texts


_long_terms = _terms.__wrapped__


def terms_of(text: str) -> dict[str, int]:
    """The terms by which ``text`` is found, each with how often it is there.

    They are its words, their parts, emoji, and of what is glued every pair of characters and the last one.
    """
    found: dict[str, int] = {}
    if text.isascii():
        words = Counter(_ascii_words(text))
    else:
        words = Counter(_words(text))  # as ``atoms`` goes: a mark behind a single character begins no word
        words.pop("", None)
        found = dict(Counter(_pictures(text)))
        for run in _runs(text):
            singles = [_folded(single[:LONGEST]) for single in _singles(run)]
            for term in (*map(add, singles, singles[1:]), singles[-1]):
                found[term] = found.get(term, 0) + 1
    for word, count in words.items():
        for term in (_terms if len(word) <= LONGEST else _long_terms)(word):
            found[term] = found.get(term, 0) + count
    return found
