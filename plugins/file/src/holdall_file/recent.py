"""What is kept in memory of the catalogue and of heads, and the end of ``catalog.log`` that keeps it right.

A page is put together from a mark's window and the snapshots of its sessions without asking anything but the log: how
long it is, and whether it is the same. What was appended since is read first. A snapshot counts for as long as no
intent came that is newer than it. Used by the event loop alone.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from holdall.contract import Scan, Snapshot, Span
from holdall_file.catalog import Position, Row
from holdall_file.folder import Descriptor, Folder
from holdall_file.intents import GOING, GONE, Intent, header_of, intents_in
from holdall_file.shelf import Shelf
from holdall_file.windows import Key, Window

__all__ = ["Page", "Recent"]

_NEVER = 1 << 63
_NEWS = 256 * 1024
"""More news than that, in bytes, are not worth reading here: the catalogue is asked."""
_MARKS, _KNOWN, _KINDS = 256, 4096, 64
"""How many windows, snapshots and kinds of spans are kept."""


class Known:
    """One partition as it was last seen, and what was announced of it since."""

    __slots__ = ("newest", "snapshot", "spans")

    def __init__(self, newest: int) -> None:
        self.snapshot: Snapshot | None = None
        self.spans: tuple[Span, ...] = ()
        self.newest = newest
        """The highest version that was announced. A head of that version is the newest: who announced it had the
        log locked, so whatever was announced before is decided."""

    @property
    def settled(self) -> bool:
        """Whether nothing can have happened to it since."""
        return self.snapshot is not None and self.snapshot.head.version >= self.newest


class Looking:
    """Somebody is looking at a partition."""

    __slots__ = ("newest",)

    def __init__(self) -> None:
        self.newest = 0
        """The highest version that was announced since."""


class Page(NamedTuple):
    """What could be put together: complete unless names are ``missing`` or the window fell ``short``."""

    items: list[Snapshot]
    missing: list[str]
    short: bool


class Recent:
    """Windows and snapshots, each the most recently asked for."""

    def __init__(self, folder: Folder, shelf: Shelf, *, now: Callable[[str, Sequence[Span]], Snapshot | None]) -> None:
        self._folder = folder
        self._shelf = shelf
        self._now = now
        self._log: Descriptor | None = None
        self._header = b""
        self._upto = 0
        self._windows: dict[str, Window] = {}
        self._known: dict[str, Known] = {}
        self._looking: dict[str, Looking] = {}
        self._spans: dict[tuple[Span, ...], tuple[Span, ...]] = {}

    # The log

    def catch_up(self) -> None:
        """Learn what was appended since the last time, by any process. What is not known any more is forgotten."""
        log = self._log
        if log is None:
            return
        found = os.fstat(log.fd)
        data = b""
        if found.st_nlink and self._upto < found.st_size <= self._upto + _NEWS:
            data = os.pread(log.fd, found.st_size - self._upto, self._upto)
        # The first line is read last: what was read before it belongs to the log that it names.
        if not found.st_nlink or not 0 <= found.st_size - self._upto <= _NEWS or header_of(log) != self._header:
            self.forget()
            return
        whole = data.rfind(b"\n") + 1
        if whole:
            self._upto += whole
            for intent in intents_in(data[:whole]):
                self._learn(intent)

    def forget(self) -> None:
        """Start over."""
        self._log = None
        self._windows.clear()
        self._known.clear()
        self._looking.clear()

    def _adopt(self, position: Position) -> None:
        """Go on from where the catalogue is, if that is another log."""
        if self._log is None or self._header != position.header:
            self.forget()
            self._log = self._folder.open("catalog.log")
            self._header, self._upto = position

    def _learn(self, intent: Intent) -> None:
        name, version, on, marks = intent
        if on == GONE:
            self._known.pop(name, None)
            self._looking.pop(name, None)
            for window in self._windows.values():
                window.gone(name, version)
            return
        known, looking = self._known.get(name), self._looking.get(name)
        announced = _NEVER if on == GOING else version
        if known is not None:
            known.newest = max(known.newest, announced)
        if looking is not None:
            looking.newest = max(looking.newest, announced)
        for mark in marks.keys() & self._windows.keys():
            score = marks[mark]
            if score is not None and self._windows[mark].add(score, name, version) and known is None:
                known = Known(version)
                self._keep(name, known)

    # Windows

    def window(self, mark: str) -> Window | None:
        """The window of a mark, if it is kept."""
        window = self._windows.pop(mark, None)
        if window is not None:
            self._windows[mark] = window
        return window

    def put(self, mark: str, below: Key | None, rows: Sequence[Row], floor: Key | None, position: Position) -> None:
        """Make a window of the catalogue's highest rows, or make it deeper by those ``below`` its floor."""
        self._adopt(position)
        window = self.window(mark)
        if window is None and below is None:
            window = self._windows[mark] = Window(rows, floor)
            if len(self._windows) > _MARKS:
                del self._windows[next(iter(self._windows))]
        elif window is not None and below is not None and window.floor == below:
            window.extend(rows, floor)
        else:  # somebody else was faster
            return
        self._replay(mark, window, position.upto)

    def _replay(self, mark: str, window: Window, start: int) -> None:
        """Give a window what the catalogue did not have yet, but is known here."""
        if self._log is None or start >= self._upto:
            return
        for name, version, on, marks in intents_in(os.pread(self._log.fd, self._upto - start, start)):
            score = marks.get(mark)
            if on == GONE:
                window.gone(name, version)
            elif score is not None:
                window.add(score, name, version)
        if header_of(self._log) != self._header:
            self.forget()

    # Snapshots

    def look(self, name: str) -> Looking:
        """Begin to look at a partition: its log must be locked, once at least, before ``seen``."""
        looking = self._looking[name] = Looking()
        return looking

    def seen(self, name: str, looking: Looking, snapshot: Snapshot | None, spans: Sequence[Span]) -> None:
        """Keep what was found, unless it was overtaken or a commit of our own is on its way."""
        if self._looking.get(name) is not looking:
            return
        del self._looking[name]
        self._known.pop(name, None)
        session = self._shelf.peek(name)
        if snapshot is None or (session is not None and session.writing):
            return
        known = Known(looking.newest)
        known.snapshot, known.spans = snapshot, self._one(spans)
        self._keep(name, known)

    def _keep(self, name: str, known: Known) -> None:
        self._known[name] = known
        if len(self._known) > _KNOWN:
            for old in list(islice(self._known, _KNOWN // 8)):
                del self._known[old]

    def page(self, scan: Scan, window: Window, fresh: Mapping[str, Snapshot | None]) -> Page:
        """As much of a descending walk as is in memory. ``fresh`` is what this walk has looked at itself."""
        mark, limit, spans, known = scan.mark or "", scan.limit, self._one(scan.spans), self._known
        keys = window.keys
        at = len(keys) if scan.after is None else bisect_left(keys, scan.after)
        items: list[Snapshot] = []
        missing: list[str] = []
        wrong: list[tuple[Key, Snapshot]] = []
        taken = 0
        while at and taken < limit:
            at -= 1
            score, name = keys[at]
            entry = known.get(name)
            if name in fresh:
                snapshot = fresh[name]
                if snapshot is None:
                    continue
            else:
                snapshot = None if entry is None else entry.snapshot
                if entry is not None and (
                    snapshot is None or snapshot.head.version < entry.newest or entry.spans is not spans
                ):
                    snapshot = self._again(name, entry, spans)
                if snapshot is None:
                    missing.append(name)
                    taken += 1
                    continue
            if snapshot.head.marks.get(mark) == score:
                items.append(snapshot)
                taken += 1
            else:
                wrong.append(((score, name), snapshot))
        moved = self._correct(window, mark, wrong)
        if moved:
            return self.page(scan, window, fresh)
        return Page(items, missing, taken < limit and window.floor is not None)

    def _correct(self, window: Window, mark: str, wrong: Iterable[tuple[Key, Snapshot]]) -> bool:
        """Forget entries that their heads contradict, for good; whether a head tells of one that was not there."""
        moved = False
        for (score, name), snapshot in wrong:
            now, entry = snapshot.head.marks.get(mark), self._known.get(name)
            if now is not None and window.add(now, name, snapshot.head.version):
                moved = True
            if entry is not None and entry.settled and entry.snapshot is snapshot:
                window.discard(score, name)
        return moved

    def _one(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """The same object for the same spans: comparing them fifty times costs more than all the rest."""
        if len(self._spans) > _KINDS:
            self._spans.clear()
        key = tuple(spans)
        return self._spans.setdefault(key, key)

    def _again(self, name: str, entry: Known, spans: tuple[Span, ...]) -> Snapshot | None:
        """What a partition has become meanwhile; ``None``: it must be looked at."""
        if entry.newest == _NEVER:
            return None
        entry.snapshot, entry.spans = self._now(name, spans), spans
        return entry.snapshot
