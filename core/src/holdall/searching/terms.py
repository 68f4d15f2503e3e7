"""The terms of a query: words, phrases, beginnings of words; and what an index knows every text by that has them."""

from __future__ import annotations

from typing import NamedTuple

from holdall.searching.words import atoms

__all__ = ["Lookup", "Need", "Term", "Word", "term_of"]


class Lookup(NamedTuple):
    """A term to look up; with ``prefix``, every term that begins so."""

    term: str
    prefix: bool = False


Need = tuple[tuple[Lookup, ...], ...]
"""What every text has that matches: all terms of one of several lists."""


class Word(NamedTuple):
    """A word, or a single character of a script without spaces."""

    parts: tuple[str, ...]
    whole: str
    """All ``parts`` together."""
    single: bool
    glued: bool


class Term(NamedTuple):
    """Words that follow each other; of the last one, perhaps, only the beginning."""

    words: tuple[Word, ...]
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


def term_of(text: str, *, star: bool) -> Term | None:
    """The term that a piece of a query is, if there is a word in it; ``star``: one stands behind it."""
    words: list[Word] = []
    found = list(atoms(text))
    at = 0
    while at < len(found):
        atom = found[at]
        parts = tuple(one.text for one in found[at : at + atom.parts])
        words.append(Word(parts, atom.whole or atom.text, atom.single, atom.glued))
        at += atom.parts
    prefix = star or text.rstrip().endswith("*")
    return Term(tuple(words), prefix and not words[-1].single) if words else None
