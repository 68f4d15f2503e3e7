"""What is asked, drawn from the texts with a seed, and what has to be found."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from tests.search.corpus import OWNERS, PROJECTS, ROLES, TOOLS, Said, Talk
from tests.search.reference import Term, plain, runs

__all__ = ["Question", "asked", "found_in"]

_QUOTES = re.compile('["“”„«»*]')
_TRIES = 10
"""So often is drawn for one question: few texts have few that differ."""
_LONGEST_CHUNK, _LONGEST_PHRASE, _MOST_CHUNKS = 60, 90, 5


class Question(NamedTuple):
    """A search, by its kind, and what it is by the words of the reference."""

    kind: str
    query: str | None
    terms: Sequence[Term]
    filters: Mapping[str, Any] = {}

    def passes(self, talk: Talk, said: Said) -> bool:
        """Whether the filters let a message through."""
        filters = self.filters
        facts = {"owner": talk.owner, "project": talk.project, "session": talk.id, "role": said.role, "tool": said.tool}
        if any(name in filters and filters[name] != fact for name, fact in facts.items()):
            return False
        third = filters.get("metadata", {}).get("third")
        return filters.get("since", 0) <= said.at < filters.get("until", 1 << 60) and third in {None, said.at % 3}


def found_in(talks: Sequence[Talk], question: Question) -> list[Said]:
    """What has to be found, the newest first."""
    passing = not question.filters
    found = [said for talk in talks for said in talk.said if passing or question.passes(talk, said)]
    for term in question.terms:
        found = term.among(found, _read)
    return sorted(found, key=lambda said: said.order, reverse=True)


_read = attrgetter("reading")


def asked(talks: Sequence[Talk], each: int, seed: int) -> Iterator[Question]:
    """``each`` questions of each kind."""
    draw = _Drawing(talks, random.Random(seed))
    kinds: dict[str, Callable[[], Question | None]] = {
        "word": draw.word,
        "words": draw.words,
        "beginning": draw.beginning,
        "accents and case": draw.dressed,
        "without spaces": draw.glued,
        "phrase": draw.phrase,
        "phrase, beginning": lambda: draw.phrase(star="*"),
        "code": draw.code,
        "picture": draw.picture,
        "absent word": draw.absent_word,
        "absent run": draw.absent_run,
        "absent phrase": draw.absent_phrase,
        "filtered": draw.filtered,
        "filters alone": draw.filters_alone,
    }
    for kind, make in kinds.items():
        made = (make() for _ in range(each * _TRIES))
        different = {f"{one.query} {one.filters}": one._replace(kind=kind) for one in made if one is not None}
        yield from islice(different.values(), each)


class _Drawing:
    """Draws questions: as often from each session, so that those in few texts come, too."""

    def __init__(self, talks: Sequence[Talk], rng: random.Random) -> None:
        self._rng = rng
        self._talks = talks
        everything = [said for talk in talks for said in talk.said]
        self._worded = [said for said in everything if said.reading.words]
        self._glued = [said for said in everything if said.reading.glued]
        self._pictured = [said for said in everything if said.reading.pictures]

    def _some_word(self) -> str:
        """A word that is one when it is asked for, too, as a half written as one character is not."""
        while True:
            words = [word for word in self._rng.choice(self._worded).reading.words if runs(word) == [(word, "word")]]
            if words:
                return self._rng.choice(sorted(words))

    def word(self) -> Question:
        return _of(Term("word", self._some_word()))

    def words(self) -> Question | None:
        found = sorted(word for word in self._rng.choice(self._worded).reading.words if word.isalnum())
        return (
            _of(*(Term("word", word) for word in self._rng.sample(found, min(self._rng.randint(2, 4), len(found)))))
            if found
            else None
        )

    def beginning(self) -> Question:
        word = self._some_word()
        return _of(Term("beginning", f"{word[: self._rng.randint(1, max(len(word) - 1, 1))]}*"))

    def dressed(self) -> Question | None:
        """A word as it stands in the text, or in capitals, where it is none that is plain."""
        found = [run for run, is_ in runs(self._rng.choice(self._worded).text) if is_ == "word" and not run.isascii()]
        word = self._rng.choice([str, str.upper, plain])(self._rng.choice(found)) if found else ""
        return _of(Term("phrase", word)) if word and runs(word) else None

    def glued(self) -> Question:
        run = self._rng.choice(self._rng.choice(self._glued).reading.glued)
        start = self._rng.randrange(len(run))
        return _of(Term("glued", run[start : start + self._rng.randint(1, 5)]))

    def phrase(self, star: str = "") -> Question | None:
        said = self._rng.choice(self._worded)
        chunks = _QUOTES.sub(" ", said.text).split()
        if not chunks:
            return None
        start = self._rng.randrange(len(chunks))
        some = " ".join(chunks[start : start + self._rng.randint(2, _MOST_CHUNKS)])
        if star and some[-1].isascii() and some[-1].isalnum():
            some = some[: -self._rng.randint(1, 3)] + star
        return _of(Term("phrase", some), quoted=True) if runs(some) and len(some) < _LONGEST_PHRASE else None

    def code(self) -> Question | None:
        said = self._rng.choice(self._worded)
        chunks = [chunk for chunk in _QUOTES.sub(" ", said.text).split() if len(chunk) < _LONGEST_CHUNK]
        chunks = [chunk for chunk in chunks if runs(chunk) and not chunk.isalpha()]
        return _of(Term("phrase", self._rng.choice(chunks))) if chunks else None

    def picture(self) -> Question:
        said = self._rng.choice(self._pictured)
        chunks = [chunk for chunk in said.text.split() if not _QUOTES.search(chunk) and len(chunk) < _LONGEST_CHUNK]
        chosen = [chunk for chunk in chunks if any(is_ == "picture" for _, is_ in runs(chunk))]
        return _of(Term("phrase", self._rng.choice(chosen or sorted(said.reading.pictures))))

    def absent_word(self) -> Question:
        word = self._some_word()
        return _of(Term("word", "".join(self._rng.sample(word, len(word)))))

    def absent_run(self) -> Question:
        run = self._rng.choice(self._rng.choice(self._glued).reading.glued)
        return _of(Term("glued", run[::-1][: self._rng.randint(2, 4)]))

    def absent_phrase(self) -> Question:
        some = [self._some_word() for _ in range(2)]
        return _of(Term("phrase", " ".join(some)), quoted=True)

    def filtered(self) -> Question:
        base = self._rng.choice([self.word, self.word, self.beginning, self.glued])()
        return base._replace(filters=self._filters(self._rng.randint(1, 3)))

    def filters_alone(self) -> Question:
        return Question("", None, (), self._filters(self._rng.randint(1, 3)))

    def _filters(self, count: int) -> dict[str, Any]:
        talk = self._rng.choice(self._talks)
        at = self._rng.choice(talk.said).at
        possible: dict[str, Any] = {
            "owner": self._rng.choice(OWNERS),
            "project": self._rng.choice(list(filter(None, PROJECTS))),
            "session": talk.id,
            "role": self._rng.choice(ROLES),
            "tool": self._rng.choice(TOOLS),
            "metadata": {"third": self._rng.randrange(3)},
            "since": at,
            "until": at + 1,
        }
        return {name: possible[name] for name in self._rng.sample(sorted(possible), count)}


def _of(*terms: Term, quoted: bool = False) -> Question:
    query = " ".join(f'"{term.value}"' if quoted else term.value for term in terms)
    return Question("", query, terms)
