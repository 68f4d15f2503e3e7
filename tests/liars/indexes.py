"""Search indexes that lie, as one single-file plugin: each breaks one promise, and the kit's test of it must fail."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from holdall.hooks import SearchOffer, hookimpl
from holdall.searching import Found, Known

_CARDS = Path(__file__).parents[2] / "docs" / "examples" / "cards.py"
_spec = importlib.util.spec_from_file_location("holdall_liars_cards", _CARDS)
_cards = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _cards
_spec.loader.exec_module(_cards)

INDEXES = []


class NoteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the liars that keep something keep it."""

    path: Path


def _sandbox(folder: Path) -> dict[str, Any]:
    return {"path": str(folder / "notes")}


def liar(caught_by):
    """Offer the class as a search index; the test ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        about = kind.__name__, kind.__doc__, NoteSettings
        INDEXES.append(SearchOffer(*about, lambda settings: kind(settings.path), contract=1, sandbox=_sandbox))
        return kind

    return offer


class Cards(_cards.Cards):
    """Honest, with a folder that it does not need."""

    def __init__(self, path):
        super().__init__()
        self.path = path


@liar(None)
class Honest(Cards):
    """Does as it says."""


@liar("test_it_names_what_was_put_into_it")
class Deaf(Cards):
    """Does not hear beginnings of words."""

    def find(self, wanted):
        needs = [[[one for one in terms if not one.prefix] or terms for terms in need] for need in wanted.needs]
        whole = [[[one._replace(prefix=False) for one in terms] for terms in need] for need in needs]
        return super().find(msgspec.structs.replace(wanted, needs=whole))


@liar("test_filters_leave_in_what_meets_them")
class Early(Cards):
    """Takes the end of a time for a part of it, and its beginning for none."""

    def find(self, wanted):
        since = None if wanted.since is None else wanted.since + 1
        return super().find(msgspec.structs.replace(wanted, since=since))


@liar("test_the_newest_come_first")
class Oldest(Cards):
    """Shows the oldest first."""

    def find(self, wanted):
        found = super().find(msgspec.structs.replace(wanted, limit=1 << 30))
        hits = found.hits if wanted.best else found.hits[::-1]
        return msgspec.structs.replace(found, hits=hits[: wanted.limit], more=len(hits) > wanted.limit)


@liar("test_the_best_come_in_one_order")
class Again(Cards):
    """Begins anew on each page of the best."""

    def find(self, wanted):
        return super().find(msgspec.structs.replace(wanted, after=None))


@liar("test_it_knows_what_was_read")
class Trusting(Cards):
    """Takes any update in, whatever it is based on."""

    def put(self, updates):
        for update in updates:
            known = self._known.get(update.session, Known(0, 0, {}))
            self._put(msgspec.structs.replace(update, edition=known.edition))
        return []


@liar("test_what_is_not_there_any_more_is_forgotten")
class Elephant(Cards):
    """Forgets nothing."""

    def forget(self, sessions):
        pass


@liar("test_a_purge_leaves_no_byte")
class Diary(Cards):
    """Writes everything down, and tears out no page."""

    def put(self, updates):
        self.path.mkdir(exist_ok=True)
        with (self.path / "diary").open("a") as file:
            for lane in (lane for update in updates for lane in update.lanes):
                file.writelines(f"{document.text}\n" for document in lane.documents)
        return super().put(updates)


@liar("test_it_can_be_made_anew_while_it_is_used")
class Stubborn(Cards):
    """Knows everything already."""

    def reset(self):
        pass


@liar("test_how_far_it_looked_is_kept_by_comparison")
class Hasty(Cards):
    """Remembers what it was told last, whoever was first."""

    def walk(self, old, new):
        self._walked = new


@liar("test_opened_again_it_knows_what_it_names")
class Boastful(Cards):
    """Keeps what it knows, and loses what it names."""

    KEPT: ClassVar[dict[str, dict[str, Known]]] = {}

    def __init__(self, path):
        super().__init__(path)
        self._known = self.KEPT.setdefault(str(path), {})

    def find(self, wanted):
        return super().find(wanted) if self._cards else Found((), more=False)


@hookimpl
def holdall_search_indexes():
    return INDEXES
