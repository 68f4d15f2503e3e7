"""A search index in memory, as one file: every message is a card, and a search looks through all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdall.hooks import NoSettings, SearchOffer, hookimpl
from holdall.searching import BlockingSearchIndex, Document, Found, Hit, Key, Known, Update, Walked, Wanted, terms_of


class Cards(BlockingSearchIndex):
    """Right, and slow; lost when the process ends."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._about: dict[str, Update] = {}
        self._cards: dict[str, dict[tuple[str, int], Document]] = {}
        self._walked = Walked()

    def known(self, sessions: Sequence[str]) -> Mapping[str, Known]:
        return {session: self._known[session] for session in sessions if session in self._known}

    def put(self, updates: Sequence[Update]) -> Sequence[str]:
        return [update.session for update in updates if not self._put(update)]

    def _put(self, update: Update) -> bool:
        before = self._known.get(update.session, Known(0, 0, {}))
        if before.edition != update.edition:
            return False
        cards = self._cards[update.session] if before.lanes else {}
        lanes = {branch: lane for branch, lane in before.lanes.items() if branch not in update.gone}
        for lane in update.lanes:
            lanes[lane.branch] = lane.known
            inside = range(lane.known.first, lane.known.stop)
            kept = {
                place: card
                for place, card in cards.items()
                if place[0] != lane.branch or (place[1] in inside and not lane.start <= place[1] < lane.stop)
            }
            cards = kept | {(lane.branch, document.position): document for document in lane.documents}
        self._cards[update.session] = {place: card for place, card in cards.items() if place[0] in lanes}
        self._known[update.session] = Known(before.edition + 1, update.changed, lanes)
        self._about[update.session] = update
        return True

    def forget(self, sessions: Sequence[str]) -> None:
        for session in sessions:
            for kept in (self._known, self._about, self._cards):
                kept.pop(session, None)

    def purge(self, session: str) -> None:
        self.forget([session])

    def find(self, wanted: Wanted) -> Found:
        hits = [hit for session in self._cards for hit in self._found(session, wanted)]
        hits.sort(key=lambda hit: hit.key, reverse=True)
        newest = hits[0].key if hits else None
        if wanted.best:
            hits = sorted(hits[: wanted.within], key=lambda hit: (hit.score, hit.key), reverse=True)
            hits = [hit for hit in hits if wanted.after is None or (hit.score, hit.key) < wanted.after]
        return Found(hits[: wanted.limit], len(hits) > wanted.limit, newest=newest, lost=self._walked.mark is None)

    def _found(self, session: str, wanted: Wanted) -> list[Hit]:
        about = self._about[session]
        asked = (wanted.session, session), (wanted.owner, about.owner), (wanted.project, about.project)
        if any(one not in {None, other} for one, other in asked) or wanted.tag not in {None, *about.tags}:
            return []
        found: list[Hit] = []
        for (branch, position), card in self._cards[session].items():
            key = Key(card.at, session, branch, position)
            early, late = wanted.since or 0, wanted.until or 1 << 60
            if early <= card.at < late and (wanted.before is None or key < wanted.before):
                terms = terms_of(card.text)
                if set(wanted.labels) <= set(card.labels) and all(_has(terms, need) for need in wanted.needs):
                    found.append(Hit(key, 1 / (1 + len(terms))))
        return found

    def walked(self) -> Walked:
        return self._walked

    def walk(self, old: Walked, new: Walked) -> None:
        self._walked = new if self._walked == old else self._walked

    def sessions(self, after: str, limit: int) -> Sequence[str]:
        return sorted(session for session in self._known if session > after)[:limit]

    def reset(self) -> None:
        self._known = {session: Known(known.edition + 1, 0, {}) for session, known in self._known.items()}
        self._walked = Walked()


def _has(terms: Mapping[str, int], need: Any) -> bool:
    def has(lookup: Any) -> bool:
        return any(term.startswith(lookup.term) for term in terms) if lookup.prefix else lookup.term in terms

    return any(all(map(has, lookups)) for lookups in need)


@hookimpl
def holdall_search_indexes() -> list[SearchOffer[NoSettings]]:
    return [SearchOffer("cards", "every message on a card, in memory", NoSettings, lambda _: Cards(), contract=1)]
