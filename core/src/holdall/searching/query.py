"""What somebody looks for: words, phrases, beginnings of words; and whether, and where, a text has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from holdall.errors import Invalid
from holdall.searching.words import Atom, atoms

__all__ = ["Lookup", "Need", "Place", "Query"]

_PIECES = re.compile(r'["“”„«»]([^"“”„«»]*)(?:["“”„«»]|$)(\*?)|([^\s"“”„«»]+)')
_MOST_TERMS, _MOST_NEEDS, _LONGEST = 32, 100, 1000

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
        if len(self.needs) > _MOST_NEEDS:
            raise Invalid(f"has more than {_MOST_NEEDS} words, or characters where each counts", pointer="/q")

    def places(self, text: str) -> list[Place]:
        """Where ``text`` has what is looked for, in order; nowhere, unless it has all of it."""
        found: list[Place] = []
        words = list(atoms(text))
        for term in self.terms:
            places = _places(term, words)
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
    found: list[Place] = []
    last = len(term.words) - 1
    for start in range(len(words)):
        at: int | None = start
        for index, word in enumerate(term.words):
            at = _after(word, words, at, prefix=term.prefix and index == last)
            if at is None:
                break
        else:
            found.append((words[start].start, words[(at or 1) - 1].stop))
    return found


def _after(word: _Word, words: Sequence[Atom], at: int, *, prefix: bool) -> int | None:
    """Where ``words`` go on behind ``word``, if it is at ``at``."""
    if at >= len(words):
        return None
    atom = words[at]
    if word.glued and not atom.glued:
        return None
    if _same(word.whole, atom.text, prefix):
        return at + 1
    if atom.whole and _same(word.whole, atom.whole, prefix):
        return at + atom.parts
    last = at + len(word.parts) - 1
    if last == at or last >= len(words) or not _same(word.parts[-1], words[last].text, prefix):
        return None
    same = all(words[at + index].text == part for index, part in enumerate(word.parts[:-1]))
    return last + 1 if same else None


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
