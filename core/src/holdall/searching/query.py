"""What somebody looks for: words, phrases, beginnings of words; and whether, and where, a text has them."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

from holdall.errors import Invalid
from holdall.searching.places import Place, Places
from holdall.searching.terms import Need, Term, term_of

__all__ = ["Query"]

_PIECES = re.compile(r'["“”„«»]([^"“”„«»]*)(?:["“”„«»]|$)(\*?)|([^\s"“”„«»]+)')
_MOST_TERMS, _MOST_NEEDS, _LONGEST = 32, 100, 1000


class Query:
    """What is looked for: every term of it must be in a text, in any order."""

    def __init__(self, text: str) -> None:
        """Words stand apart by spaces, phrases in quotes; ``foo*`` is any word that begins with ``foo``.

        Raises ``Invalid`` for a text in which there is no word.
        """
        if len(text) > _LONGEST:
            raise Invalid(f"has more than {_LONGEST} characters", pointer="/q")
        pieces = (piece.groups("") for piece in _PIECES.finditer(text))
        found = (term_of(phrase or word, star=bool(star)) for phrase, star, word in pieces)
        self.terms: Sequence[Term] = list(dict.fromkeys(term for term in found if term is not None))
        if not self.terms:
            raise Invalid("there is no word in it to look for", pointer="/q")
        if len(self.terms) > _MOST_TERMS:
            raise Invalid(f"has more than {_MOST_TERMS} words", pointer="/q")
        self.needs: Sequence[Need] = list(dict.fromkeys(need for term in self.terms for need in term.needs()))
        if len(self.needs) > _MOST_NEEDS:
            raise Invalid(f"has more than {_MOST_NEEDS} words, or characters where each counts", pointer="/q")
        self._places = Places(self.terms)

    def places(self, text: str) -> list[Place]:
        """Where ``text`` has what is looked for, in order; nowhere, unless it has all of it."""
        steps = self.looking(text)
        while True:
            try:
                next(steps)
            except StopIteration as found:
                return found.value

    def looking(self, text: str) -> Generator[None, None, list[Place]]:
        """The same in steps of some milliseconds each, for whoever has other things to do in between."""
        return self._places.looking(text)
