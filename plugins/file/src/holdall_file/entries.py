"""What the catalogue knows of one partition, and what it knows once more was announced.

Every intent says which version was decided when it was made, by one who had the log locked: whatever was announced
above that had failed, and of the rest only the newest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdall_file.intents import GONE, Intent

__all__ = ["Entry", "kind_of", "known_after"]

Entry = tuple[str, int | None, int]
"""Kind, score (``None``: the mark was removed) and version, of one name."""


def kind_of(mark: str | None) -> str:
    """How a mark is named in the catalogue; the walk over all names is the empty one."""
    return "" if mark is None else f"={mark}"


def known_after(entries: set[Entry], news: Sequence[Intent]) -> set[Entry]:
    """What is known of a name after ``news``, in the order of the log: what is decided, and what may become so."""
    at = 0
    while at < len(news):
        _, version, on, _ = news[at]
        stop = at + 1
        if on == GONE:
            entries = {entry for entry in entries if abs(entry[2]) > version}
        elif not on:
            entries = entries.union(_announced(news[at]))
        else:
            while stop < len(news) and news[stop][2] >= news[stop - 1][2]:
                stop += 1
            entries = _in_a_row(entries, news[at:stop])
        at = stop
    return entries


def _in_a_row(entries: Iterable[Entry], news: Sequence[Intent]) -> set[Entry]:
    """The same for intents each of which was made on a version as high as the one before, or higher."""
    known: dict[str, Entry] = {}
    seen: dict[str, int | None] = {}
    decided = news[-1][2]
    for _, version, on, marks in reversed(news[:-1]):  # the newest that names a mark has its score
        if version <= decided:
            if not known:
                known[""] = ("", 0, version)
            if not marks.keys() <= seen.keys():
                for mark in marks.keys() - seen.keys():
                    seen[mark] = score = marks[mark]
                    known[kind_of(mark)] = (kind_of(mark), score, version)
        decided = on
    return {*({entry[0]: entry for entry in _newest(entries, decided)} | known).values(), *_announced(news[-1])}


def _announced(intent: Intent) -> set[Entry]:
    _, version, _, marks = intent
    return {("", 0, version), *((kind_of(mark), score, version) for mark, score in marks.items())}


def _newest(entries: Iterable[Entry], decided: int) -> Iterable[Entry]:
    """Of each kind the newest that is not above ``decided``."""
    newest: dict[str, Entry] = {}
    for entry in entries:
        known = newest.get(entry[0])
        if entry[2] <= decided and (known is None or known[2] < entry[2]):
            newest[entry[0]] = entry
    return newest.values()
