"""Where a text has each of several terms: in one pass over its atoms, whatever the terms and the text are.

The pass is Shift-And, of Baeza-Yates and Gonnet ("A new approach to text searching", Communications of the ACM 35,
1992), with one bit for each part of each word that is looked for: a set bit says that what is before the part in its term
is what the text has just had. A word is there part by part, or in one: ``getUserName`` is found in ``get_user_name``, in
``getusername`` and in itself. Either way it takes as many letters of the text, so the number of letters before a term's
last part tells where the term began, and no place is looked at twice.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator, Sequence
from heapq import heapify, heapreplace
from string import ascii_lowercase, digits
from typing import NamedTuple

from holdall.searching.terms import Term
from holdall.searching.words import LONGEST, Atom, atoms, is_plain

__all__ = ["Place", "Places"]

Place = tuple[int, int]
"""Where something is in a text: from the first character, to before the second."""
_AT_ONCE, _EACH = 16_000, 8
"""Letters that are looked at in one step, some milliseconds; an atom is worth so many more."""
_CLOSE, _FAR = 16, 64
"""So many characters behind a place where something may begin, the next one is looked for; if it is so far away, the text
between is left out."""
_PLAIN = ascii_lowercase + digits
_run = re.compile(f"[{_PLAIN}]*").match


class Places:
    """Finds where texts have some terms."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._moves = _Moves(terms)
        firsts = dict.fromkeys(term.words[0].parts[0] for term in terms)
        self._firsts = tuple(firsts) if all(first.isascii() and first.isalnum() for first in firsts) else ()

    def looking(self, text: str) -> Generator[None, None, list[Place]]:
        """Where ``text`` has the terms, in order, where they overlap as one; nowhere, unless it has all of them.

        It comes in steps of some milliseconds each.
        """
        look = _Look(self._moves)
        near = self._firsts and is_plain(text)
        work = 0
        for atom in self._near(text, look) if near else atoms(text):
            look.take(atom)
            work += _EACH + len(atom.text)
            if work > _AT_ONCE:
                work = 0
                yield
        return [] if look.missing else look.found

    def _near(self, text: str, look: _Look) -> Iterator[Atom]:
        """The atoms of ``text`` that a term may begin with, and those behind them until ``look`` is through."""
        low = text.lower()
        coming = [(low.find(first), first) for first in self._firsts]
        if min(coming)[0] < 0:
            return
        heapify(coming)
        at = coming[0][0]
        while at < len(text):
            before = low[max(at - LONGEST, 0) : at]
            begin = at - len(before) + len(before.rstrip(_PLAIN))
            if at - begin == LONGEST:  # in a word that is too long for anything to begin in it
                run = _run(low, at)
                stop = run.end() if run else len(low)
                yield Atom("", at, stop)
                at = _ahead(coming, low, stop)
                continue
            for atom in atoms(text, begin):
                yield atom
                if atom.stop > at + _CLOSE and not look.state and not look.whole:
                    at = _ahead(coming, low, atom.stop)
                    if at - atom.stop > _FAR:
                        break
            else:
                return


def _ahead(coming: list[tuple[int, str]], low: str, at: int) -> int:
    """The first of the places from ``at`` on where something may begin; ``coming`` is a heap of them."""
    while coming[0][0] < at:
        first = coming[0][1]
        place = low.find(first, at)
        heapreplace(coming, (place if place >= 0 else sys.maxsize, first))
    return coming[0][0]


class _End(NamedTuple):
    """The last part of a term."""

    bit: int
    text: str
    before: int
    """Letters of the term before it."""
    term: int
    """The term's own bit."""
    whole: bool
    """Whether it is all of a word."""


class _Moves:
    """What an atom moves: the bits of the parts that it may be."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.begins = self.glued = self.letters = 0
        """The bits of the first parts of terms, those of what is glued to what is before; the most letters before an end."""
        self.terms = (1 << len(terms)) - 1
        self.texts: dict[str, dict[int, int]] = {}
        """By the text of an atom: which bits move on, by how many."""
        self.wholes: dict[str, dict[int, int]] = {}
        """The same by the whole word that it begins."""
        self.ends: dict[str, list[_End]] = {}
        self.open: list[_End] = []
        """Those of which the beginning is enough."""
        self._bits = 0
        for number, term in enumerate(terms):
            self._add(term, 1 << number)
        self.beginnings = tuple(end.text for end in self.open)

    def _add(self, term: Term, own: int) -> None:
        self.begins |= 1 << self._bits
        letters = 0
        for word in term.words[:-1]:
            bit, parts = 1 << self._bits, word.parts
            self.glued |= bit if word.glued else 0
            _move(self.texts, word.whole, bit, len(parts))
            _move(self.wholes, word.whole, bit, len(parts))
            if len(parts) > 1:
                self._parts(parts)
            self._bits += len(parts)
            letters += len(word.whole)
        self._last(term, own, letters)

    def _parts(self, parts: Sequence[str]) -> None:
        for index, part in enumerate(parts):
            _move(self.texts, part, 1 << self._bits + index, 1)

    def _last(self, term: Term, own: int, letters: int) -> None:
        *parts, last = term.words[-1].parts
        bit = 1 << self._bits
        self.glued |= bit if term.words[-1].glued else 0
        ends = [_End(bit, term.words[-1].whole, letters, own, whole=True)]
        if parts:
            self._parts(parts)
            letters += sum(map(len, parts))
            ends.append(_End(bit << len(parts), last, letters, own, whole=False))
        for end in ends:
            (self.open if term.prefix else self.ends.setdefault(end.text, [])).append(end)
        self.letters = max(self.letters, letters)
        self._bits += len(parts) + 1


def _move(moves: dict[str, dict[int, int]], text: str, bit: int, by: int) -> None:
    """Have an atom ``text`` move ``bit``; those that are moved as far are moved together."""
    by_far = moves.setdefault(text, {})
    by_far[by] = by_far.get(by, 0) | bit


class _Look:
    """One look at a text, atom by atom."""

    def __init__(self, moves: _Moves) -> None:
        self.state = 0
        """The bits of what may come next."""
        self.whole = 0
        """The bits of what may come behind the word of which there are ``_left`` parts more."""
        self.found: list[Place] = []
        self.missing = moves.terms
        """The bits of terms that were not found so far."""
        self._moves = moves
        self._left = self._letters = 0
        self._starts = [0] * (moves.letters + 1)
        """Where atoms begin, by how many letters are before them; of the last ones."""

    def take(self, atom: Atom) -> None:
        """Look at the next atom."""
        moves, text = self._moves, atom.text
        at = (self.state if atom.glued else self.state & ~moves.glued) | moves.begins
        self._starts[self._letters % len(self._starts)] = atom.start
        state = 0
        for by, bits in moves.texts.get(text, _NONE).items():
            state |= (at & bits) << by
        for end in moves.ends.get(text, ()):
            if at & end.bit:
                self._add(end, atom.stop)
        if text.startswith(moves.beginnings):
            for end in moves.open:
                if at & end.bit and text.startswith(end.text):
                    self._add(end, atom.stop)
        if atom.whole:
            self._take_whole(atom, at)
        if self._left:
            self._left -= 1
            if not self._left:
                state |= self.whole
                self.whole = 0
        self.state = state
        self._letters += len(text)

    def _take_whole(self, atom: Atom, at: int) -> None:
        """Look at the word that ``atom`` begins; what its beginning is enough for may be in ``atom`` already."""
        moves, word, stop = self._moves, atom.whole, atom.start + len(atom.whole)
        self._left = atom.parts
        for by, bits in moves.wholes.get(word, _NONE).items():
            self.whole |= (at & bits) << by
        for end in moves.ends.get(word, ()):
            if end.whole and at & end.bit:
                self._add(end, stop)
        if word.startswith(moves.beginnings):
            for end in moves.open:
                if end.whole and at & end.bit and word.startswith(end.text) and not atom.text.startswith(end.text):
                    self._add(end, stop)

    def _add(self, end: _End, stop: int) -> None:
        """Add the place of a term, together with those that it overlaps: none of them is behind it."""
        self.missing &= ~end.term
        start = self._starts[(self._letters - end.before) % len(self._starts)]
        found = self.found
        while found and start < found[-1][1]:
            first, last = found.pop()
            start, stop = min(start, first), max(stop, last)
        found.append((start, stop))


_NONE: dict[int, int] = {}
