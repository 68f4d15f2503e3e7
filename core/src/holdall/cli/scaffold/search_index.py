"""SUMMARY."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from holdall import hookimpl
from holdall.hooks import SearchOffer
from holdall.searching import (
    BlockingSearchIndex,
    Document,
    Found,
    Hit,
    Key,
    Known,
    Lookup,
    Update,
    Walked,
    Wanted,
    terms_of,
)

__all__ = ["MykindSearchIndex", "MykindSettings", "holdall_search_indexes"]

Place = tuple[str, str, int]
"""Session, branch and position of a message."""


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[search.options]``."""

    # CHANGE 1: what your index must be told, such as ``path: Path``, with a line about it below.


class MykindSearchIndex(BlockingSearchIndex):
    """Messages in a dictionary, until you change that. All calls come from one thread, and it may wait."""

    def __init__(self, settings: MykindSettings) -> None:
        # CHANGE 2: open your index. Other processes may have it open, too; where it is damaged, begin with an empty one.
        self.settings = settings
        self._known: dict[str, Known] = {}
        self._about: dict[str, Update] = {}
        self._messages: dict[Place, tuple[Document, Mapping[str, int]]] = {}
        self._walked = Walked()

    def known(self, sessions: Sequence[str]) -> Mapping[str, Known]:
        """What was read of each of ``sessions``, of those of which anything was."""
        return {session: self._known[session] for session in sessions if session in self._known}

    def put(self, updates: Sequence[Update]) -> Sequence[str]:
        """Take ``updates`` in; the sessions of those that another process came before."""
        # CHANGE 3: each whole or not at all. The terms of a text are ``terms_of(text)``: keep a row for each.
        return [update.session for update in updates if not self._put(update)]

    def forget(self, sessions: Sequence[str]) -> None:
        """Name nothing of ``sessions`` any more."""
        # CHANGE 4: by session; never by looking at everything, as here.
        for session in sessions:
            self._known.pop(session, None)
            self._about.pop(session, None)
        self._messages = {place: message for place, message in self._messages.items() if place[0] in self._known}

    def purge(self, session: str) -> None:
        """Forget a session, and leave no byte of it behind."""
        # CHANGE 5: in no file, free page or log. In memory nothing is left.
        self.forget([session])

    def find(self, wanted: Wanted) -> Found:
        """The messages that may be ``wanted``: some too many, never one too few."""
        # CHANGE 6: by your index, the newest first; never by looking at everything, as here.
        hits = [Hit(Key(each.at, *place), 1 / (1 + len(terms))) for place, (each, terms) in self._messages.items()]
        hits = sorted((hit for hit in hits if self._may_be(hit.key, wanted)), reverse=True)
        newest = hits[0].key if hits else None
        if wanted.best:
            hits = sorted(hits[: wanted.within], key=lambda hit: (hit.score, hit.key), reverse=True)
            hits = [hit for hit in hits if wanted.after is None or (hit.score, hit.key) < wanted.after]
        lost = self._walked.mark is None
        return Found(hits[: wanted.limit], more=len(hits) > wanted.limit, newest=newest, lost=lost)

    def walked(self) -> Walked:
        """How far sessions were looked at; empty in an index that is new."""
        return self._walked

    def walk(self, old: Walked, new: Walked) -> None:
        """Remember how far sessions were looked at, unless that is not ``old`` any more."""
        # CHANGE 7: in one transaction.
        self._walked = new if self._walked == old else self._walked

    def sessions(self, after: str, limit: int) -> Sequence[str]:
        """Sessions of which anything is known, by id, behind ``after``."""
        return sorted(session for session in self._known if session > after)[:limit]

    def reset(self) -> None:
        """Look at everything again, and go on naming what is there until that is done."""
        self._known = {session: Known(known.edition + 1, 0, {}) for session, known in self._known.items()}
        self._walked = Walked()

    def close(self) -> None:
        """Nothing is kept open."""
        # CHANGE 8: close what ``__init__`` opened.

    def _put(self, update: Update) -> bool:
        name, before = update.session, self._known.get(update.session, Known(0, 0, {}))
        if before.edition != update.edition:
            return False
        lanes = {**before.lanes, **{lane.branch: lane.known for lane in update.lanes}}
        for branch in update.gone:
            lanes.pop(branch, None)
        new = {lane.branch: range(lane.start, lane.stop) for lane in update.lanes}
        for session, branch, at in [*self._messages]:
            there = branch in lanes and lanes[branch].first <= at < lanes[branch].stop and at not in new.get(branch, ())
            if session == name and not there:
                del self._messages[session, branch, at]
        for lane in update.lanes:
            for each in lane.documents:
                self._messages[name, lane.branch, each.position] = each, terms_of(each.text)
        self._known[name], self._about[name] = Known(before.edition + 1, update.changed, lanes), update
        return True

    def _may_be(self, key: Key, wanted: Wanted) -> bool:
        about, (message, terms) = self._about[key.session], self._messages[key[1:]]
        asked = (wanted.session, key.session), (wanted.owner, about.owner), (wanted.project, about.project)
        if any(one not in {None, other} for one, other in asked) or wanted.tag not in {None, *about.tags}:
            return False
        if key.at < (wanted.since or 0) or (wanted.until is not None and key.at >= wanted.until):
            return False
        if (wanted.before is not None and key >= wanted.before) or not set(wanted.labels) <= set(message.labels):
            return False
        return all(any(all(_has(terms, look) for look in way) for way in need) for need in wanted.needs)


def _has(terms: Mapping[str, int], look: Lookup) -> bool:
    return any(term.startswith(look.term) for term in terms) if look.prefix else look.term in terms


@hookimpl
def holdall_search_indexes() -> list[SearchOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    # CHANGE 9: ``sandbox=lambda folder: {"path": folder / "index"}`` gives the kit the options of an empty index.
    return [
        SearchOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindSearchIndex,
            contract=1,
        )
    ]
