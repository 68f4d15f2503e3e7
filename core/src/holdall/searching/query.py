"""What somebody looks for: words, phrases, beginnings of words; and whether, and where, a text has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import dropwhile, islice
from typing import NamedTuple

from holdall.errors import Invalid
from holdall.searching.words import LONGEST, Atom, atoms, is_plain

__all__ = ["Lookup", "Need", "Place", "Query"]

_PIECES = re.compile(r'["“”„«»]([^"“”„«»]*)(?:["“”„«»]|$)(\*?)|([^\s"“”„«»]+)')
_MOST_TERMS, _MOST_NEEDS, _LONGEST = 32, 100, 1000
_FEW, _APART = 8, 32
"""A text is looked at in so many places, and one more for every so many characters, before it is taken apart."""

Place = tuple[int, int]
"""Where something is in a text: from the first character, to before the second."""


class Lookup(NamedTuple):
    """A term to look up; with ``prefix``, every term that begins so."""

    term: str
    prefix: bool = False


Need = tuple[tuple[Lookup, ...], ...]
"""What every text has that matches: all terms of one of several lists."""


class _Word(NamedTuple):
    """A word, or a single character of a script without spaces."""

    parts: tuple[str, ...]
    whole: str
    single: bool
    glued: bool


class Term(NamedTuple):
    """Words that follow each other; of the last one, perhaps, only the beginning."""

    words: tuple[_Word, ...]
    prefix: bool

    def needs(self) -> list[Need]:
        """What every text has that has this term."""
        found: list[Need] = []
        last = len(self.words) - 1
        for index, word in enumerate(self.words):
            prefix = self.prefix and index == last
            if word.glued:
                before = self.words[index - 1]
                if not before.glued:
                    found.pop()
                found.append(((Lookup(before.whole + word.whole),),))
            elif word.single:
                found.append(((Lookup(word.whole, prefix=True),),))
            elif len(word.parts) == 1:
                found.append(((Lookup(word.whole, prefix),),))
            else:
                parts = [Lookup(part) for part in word.parts[:-1]]
                found.append(((*parts, Lookup(word.parts[-1], prefix)), (Lookup(word.whole, prefix),)))
        return found


class Query:
    """What is looked for: every term of it must be in a text, in any order."""

    def __init__(self, text: str) -> None:
        """Words stand apart by spaces, phrases in quotes; ``foo*`` is any word that begins with ``foo``.

        Raises ``Invalid`` for a text in which there is no word.
        """
        if len(text) > _LONGEST:
            raise Invalid(f"has more than {_LONGEST} characters", pointer="/q")
        found = (_term(*piece.groups("")) for piece in _PIECES.finditer(text))
        self.terms: Sequence[Term] = list(dict.fromkeys(term for term in found if term is not None))
        if not self.terms:
            raise Invalid("there is no word in it to look for", pointer="/q")
        if len(self.terms) > _MOST_TERMS:
            raise Invalid(f"has more than {_MOST_TERMS} words", pointer="/q")
        self.needs: Sequence[Need] = list(dict.fromkeys(need for term in self.terms for need in term.needs()))
        self._is_plain = all(term.words[0].whole.isascii() and term.words[0].whole.isalnum() for term in self.terms)
        if len(self.needs) > _MOST_NEEDS:
            raise Invalid(f"has more than {_MOST_NEEDS} words, or characters where each counts", pointer="/q")

    def places(self, text: str) -> list[Place]:
        """Where ``text`` has what is looked for, in order; nowhere, unless it has all of it."""
        found: list[Place] = []
        quick = self._is_plain and is_plain(text)
        low = text.lower() if quick else ""
        words = [] if quick else list(atoms(text))
        for term in self.terms:
            places = _near(term, text, low) if quick else _places(term, words)
            if not places:
                return []
            found += places
        return _joined(sorted(found))


def _term(phrase: str, star: str, word: str) -> Term | None:
    """The term that a piece of a query is, if there is a word in it."""
    text = phrase or word
    words: list[_Word] = []
    found = list(atoms(text))
    at = 0
    while at < len(found):
        atom = found[at]
        parts = tuple(one.text for one in found[at : at + atom.parts])
        words.append(_Word(parts, atom.whole or atom.text, atom.single, atom.glued))
        at += atom.parts
    prefix = bool(star) or text.rstrip().endswith("*")
    return Term(tuple(words), prefix and not words[-1].single) if words else None


def _places(term: Term, words: Sequence[Atom]) -> list[Place]:
    """Where ``words``, which are all of a text, have a term."""
    found: list[Place] = []
    for start in range(len(words)):
        with suppress(IndexError):
            stop = _matched(term, words, start)
            if stop is not None:
                found.append((words[start].start, words[stop - 1].stop))
    return found


def _near(term: Term, text: str, low: str) -> list[Place]:
    """Where ``text``, which is ``low`` without capitals, has a term: only where it may begin is the text looked at.

    Where that is in too many places, taking the whole text apart is less work.
    """
    found: list[Place] = []
    first, looks = term.words[0].parts[0], _FEW + len(text) // _APART
    at = low.find(first)
    while at >= 0:
        looks -= 1
        if looks < 0:
            return _places(term, list(atoms(text)))
        place, after = _place_at(term, text, low, at)
        found += [] if place is None else [place]
        at = low.find(first, after)
    return found


def _place_at(term: Term, text: str, low: str, at: int) -> tuple[Place | None, int]:
    """Whether a term begins ``at``; and from where on another one may."""
    start = at
    while start and low[start - 1].isalnum() and low[start - 1].isascii():
        start -= 1
        if at - start > LONGEST:
            return None, at + 1
    coming = dropwhile(lambda atom: atom.start < at, atoms(text, start))
    words = list(islice(coming, 4 + sum(len(word.parts) for word in term.words)))
    if not words or words[0].start != at:
        return None, words[0].start if words else len(text)
    while True:
        try:
            stop = _matched(term, words, 0)
            return None if stop is None else (at, words[stop - 1].stop), at + 1
        except IndexError:  # there is more to look at, or there is not
            more = list(islice(coming, LONGEST))
            if not more:
                return None, at + 1
            words += more


def _matched(term: Term, words: Sequence[Atom], at: int) -> int | None:
    """Where ``words`` go on behind a term, if it is at ``at``; raises ``IndexError`` where they are too few to tell."""
    last = len(term.words) - 1
    for index, word in enumerate(term.words):
        after = _after(word, words, at, prefix=term.prefix and index == last)
        if after is None:
            return None
        at = after
    words[at - 1]  # a whole word may have more parts than there are
    return at


def _after(word: _Word, words: Sequence[Atom], at: int, *, prefix: bool) -> int | None:
    """Where ``words`` go on behind ``word``, if it is at ``at``."""
    atom = words[at]
    if word.glued and not atom.glued:
        return None
    if _same(word.whole, atom.text, prefix):
        return at + 1
    if atom.whole and _same(word.whole, atom.whole, prefix):
        return at + atom.parts
    for index, part in enumerate(word.parts[:-1]):
        if words[at + index].text != part:
            return None
    last = at + len(word.parts) - 1
    return last + 1 if last > at and _same(word.parts[-1], words[last].text, prefix) else None


def _same(text: str, word: str, prefix: bool) -> bool:
    return word.startswith(text) if prefix else word == text


def _joined(places: list[Place]) -> list[Place]:
    """``places`` without those inside others."""
    found: list[Place] = []
    for start, stop in places:
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found
