"""Asking an index everything, and comparing each answer with what has to be found."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

from holdall.errors import NotFound
from holdall.sessions.access import Principal
from holdall.sessions.search.views import Match
from holdall.sessions.store import Store
from tests.search.corpus import OWNERS, Said, Talk
from tests.search.questions import Question, found_in

__all__ = ["Comparison"]

_WALKED, _PAGE, _RANKED = 2000, 200, 10_000
"""So many matches are walked to the end, and of more the first ones; how many are ranked."""


class Comparison:
    """Questions, what has to be found, and where the answer was another."""

    def __init__(
        self, talks: Sequence[Talk], places: dict[tuple[str, str], Said], questions: Sequence[Question]
    ) -> None:
        self.owners = {talk.id: talk.owner for talk in talks}
        self.places = places
        self.wanted = [(question, found_in(talks, question)) for question in questions]
        self.searches: Counter[str] = Counter()
        self.found = 0
        self.wrong: list[str] = []

    async def newest_first(self, store: Store) -> None:
        """Every page of every question, in the order of time."""
        for question, due in self.wanted:
            few = len(due) <= _WALKED
            found = await self._answer(store, question, None if few else _WALKED)
            self._compare("newest first", question, found, due if few else due[:_WALKED])

    async def best_first(self, store: Store) -> None:
        """The same messages, of the newest that are ranked, by their score."""
        asked = [(question, due) for question, due in self.wanted if question.query is not None]
        few = [one for one in asked if len(one[1]) <= _WALKED]
        more = [one for one in asked if len(one[1]) > _RANKED][:2]
        for question, due in (*few, *more):
            matches = [match async for match in _walked(store, question, 500, order="best")]
            found = [self.places[match.session, match.message.id] for match in matches]
            in_time = sorted(found, key=lambda said: said.order, reverse=True)
            self._compare("best first", question, in_time, due[:_RANKED])
            scores = [(match.score or 0.0, said.order) for match, said in zip(matches, found, strict=True)]
            if any(one <= after for one, after in pairwise(scores)):
                self.wrong.append(f"best first: {question}: not by score")

    async def each_their_own(self, store: Store) -> None:
        """Who acts as an owner finds what is theirs of it, all of it, and nothing of another's."""
        for question, due in self.wanted:
            for owner in OWNERS:
                if len(due) <= _WALKED and "owner" not in question.filters:
                    await self._own(store.acting_as(Principal(owner)), owner, question, due)

    async def _own(self, acting: Store, owner: str, question: Question, due: Sequence[Said]) -> None:
        own = [said for said in due if self.owners[said.order[1]] == owner]
        others = self.owners.get(question.filters.get("session", ""), owner) != owner
        try:
            found = await self._answer(acting, question, None)
        except NotFound:
            if not others:
                raise
            found = []
        else:
            if others:
                self.wrong.append(f"one owner's: {question}: another's session is there")
        self._compare("one owner's", question, found, own)

    async def _answer(self, store: Store, question: Question, count: int | None) -> list[Said]:
        found: list[Said] = []
        async for match in _walked(store, question, _PAGE):
            found.append(self.places[match.session, match.message.id])
            if len(found) == count:
                break
        return found

    def _compare(self, what: str, question: Question, found: Sequence[Said], due: Sequence[Said]) -> None:
        self.searches[f"{what}: {question.kind}"] += 1
        self.found += len(found)
        if [said.order for said in found] == [said.order for said in due]:
            return
        got, wanted = {said.order: said for said in found}, {said.order: said for said in due}
        sides = {"missing": wanted.keys() - got, "too many": got.keys() - wanted}
        told = [f"{len(side)} {name}: {[(wanted | got)[one].reading.text[:200] for one in sorted(side)[:2]]}"
                for name, side in sides.items() if side]  # fmt: skip
        self.wrong.append(f"{what}: {question}: {' '.join(told) or 'in another order, or twice'}")


async def _walked(store: Store, question: Question, limit: int, **more: Any) -> AsyncIterator[Match]:
    cursor = None
    while True:
        page = await store.search(question.query, limit=limit, cursor=cursor, **question.filters, **more)
        assert page.complete
        for match in page:
            yield match
        cursor = page.next
        if cursor is None:
            return
