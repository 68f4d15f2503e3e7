"""What is known of one log: its head, and where its records lie.

Records appended to a lane are found by the checkpoints (see ``finding``); only the newest are kept here, together with
every record that was written again. Nothing here does I/O.
"""

from __future__ import annotations

from itertools import islice, repeat
from typing import TYPE_CHECKING

import msgspec

from holdall.contract import Address, Commit, Head, Lane, Records
from holdall.errors import Conflict
from holdall_file.faults import Bad
from holdall_file.lines import Laid, Line, Located, Parsed, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall_file.waypoints import Trails

__all__ = ["State", "Track"]

_KEPT = 256
"""Places of appended records remembered for one session."""
_GUESS = 256
"""What a record is taken to measure whose place is not remembered; it only decides when a log is compacted."""
_SMALL, _RECENT = 4, 100
"""A checkpoint names so many of the newest records of each lane, and more of them where there are few lanes."""
_WIDE = 256
"""So many lanes take more than a millisecond to write down."""
_LINES, _BYTES = 64, 256 * 1024
"""A checkpoint is due after so many lines or bytes, unless the last one was so large that it would cost too much."""
_HOT = 256 * 1024
"""Bytes of records kept in memory for one session, the newest."""
_HOT_RECORD = 16 * 1024
_fold = msgspec.msgpack.Encoder().encode
_unfold = msgspec.msgpack.Decoder(dict[str, dict[int, Place]]).decode


class Track:
    """Where one lane's records lie."""

    __slots__ = ("born", "first", "hot", "known", "moved", "peak")

    def __init__(self, born: int, peak: int) -> None:
        self.born = born
        """The offset of the line that made the lane: a lane removed and made again is another one."""
        self.peak = peak
        """The highest ``stop`` it ever had. Records at or above it are appended, those below are written again."""
        self.first = 0
        self.moved: dict[int, Place] = {}
        self.known: dict[int, Place] = {}
        self.hot: dict[int, bytes] = {}
        """Records themselves, as a reader gets them. One that is written again leaves."""

    def place(self, position: int) -> Place | None:
        """Where a record lies, if that is remembered."""
        return self.moved.get(position) or self.known.get(position)

    def trim(self, first: int, stop: int) -> int:
        """Forget the records outside ``first..stop``; about how many bytes are dead with them."""
        gone = range(self.first, first)
        if len(gone) > len(self.known) or stop < self.peak:
            dead = _GUESS * len(gone)
            for places in (self.moved, self.known):
                for position in [at for at in places if not first <= at < stop]:
                    dead += places.pop(position)[1]
            self.hot = {at: record for at, record in self.hot.items() if first <= at < stop}
        else:
            dead = sum(self._drop(position) for position in gone)
        self.first = max(self.first, first)
        return dead

    def _drop(self, position: int) -> int:
        place = self.moved.pop(position, None) or self.known.pop(position, None)
        self.hot.pop(position, None)
        return _GUESS if place is None else place[1]


class State:
    """The state of a log up to ``end``."""

    def __init__(self, partition: str, end: int) -> None:
        self.partition = partition
        self.head: Head | None = None
        self.tracks: dict[str, Track] = {}
        self.end = end
        self.checkpoint = 0
        """The offset of the last checkpoint; 0 for none."""
        self.number = 0
        self.back: list[tuple[int, int]] = []
        self.dead = 0
        self.rewritten = 0
        """The most records that one line replaced: more than a few, and it was a sweep's, that will not come again."""
        self.due_at = end + _BYTES
        """A write that begins here or later should begin with a checkpoint."""
        self._since = self._soonest = end
        self._lines = 0
        self._kept = 0
        self._limit = _KEPT
        self.warm = 0
        """At most how many bytes are hot."""
        self._trails: Trails | None = None

    @property
    def wide(self) -> bool:
        """Whether a checkpoint takes longer to put together than the event loop should."""
        return len(self.tracks) > _WIDE

    @property
    def bytes_since(self) -> int:
        """The bytes behind the last checkpoint."""
        return self.end - self._since

    def trails(self) -> Trails:
        """What readings learned of where older records lie."""
        if self._trails is None:
            from holdall_file.waypoints import Trails  # noqa: PLC0415 - who reads the latest page does without

            self._trails = Trails()
        return self._trails

    def place(self, address: Address) -> Place | None:
        """Where a record lies, if that is remembered."""
        track = self.tracks.get(address[0])
        return None if track is None else track.place(address[1])

    def apply(self, parsed: Parsed, *, gaps: bool = False) -> None:
        """Go on over one line that was read, or that is no commit."""
        line = parsed.line
        if not (line.checkpoint or line.packed):
            commit = commit_of(self.partition, line)
            self.commit(commit, self._next(commit, parsed.start, gaps=gaps), parsed)
            return
        if line.checkpoint:
            self._checkpointed(parsed)
        else:
            self._put(parsed, {}, {})
        self.end = parsed.end

    def commit(self, commit: Commit, head: Head, laid: Laid) -> None:
        """Go on over the line of ``commit``, which makes ``head``; records that it has with it are kept in memory."""
        self.head = head
        tracks, lanes = self.tracks, commit.lanes
        if laid.at:
            self._put(laid, lanes, commit.write)
            while self.warm > _HOT:
                self.cool()
        else:
            self.dead += laid.end - laid.start
        for name, lane in lanes.items():
            if lane is None:
                self._gone(name)
                continue
            track = tracks.get(name)
            if track is None:
                self._born(name, laid.start, lanes)
            elif lane.first > track.first or lane.stop < track.peak:
                self.dead += track.trim(lane.first, lane.stop)
        self._lines += 1
        if self._lines == _LINES:
            self.due_at = self._soonest
        self.end = laid.end

    def skip(self, end: int) -> None:
        """Go on over a line that can't be read."""
        self.end = end

    def _next(self, commit: Commit, start: int, *, gaps: bool) -> Head:
        head = self.head
        if gaps:
            head = head or Head(self.partition, commit.expect, 0)
            head = Head(self.partition, commit.expect, head.changed, head.expires_at, head.lanes, head.marks)
        try:
            return commit.onto(head)
        except Conflict as gap:
            raise Bad(start, f"a line is missing: {gap}") from None

    def _put(self, laid: Laid, lanes: Mapping[str, Lane | None], write: Records) -> None:
        """Note where the records lie, and keep those of ``write`` in memory: the same in the same order, or none."""
        tracks = self.tracks
        peaks: dict[str, int] = {}
        """Where lanes ended before this line, in a line of more than one record."""
        several = len(laid.at) > 1
        mean = again = 0
        offset = laid.records
        for (name, position, length, crc, form), record in zip(laid.at, write.values() or repeat(None)):  # noqa: B905
            place = (offset, length, crc, form)
            offset += length + 1
            track = tracks.get(name)
            if track is None:
                track = self._born(name, laid.start, lanes)
            peak = track.peak
            if position >= peak or (several and position >= peaks.get(name, peak)):
                track.known[position] = place
                if position >= peak:
                    track.peak = position + 1
                    if several:
                        peaks.setdefault(name, peak)
                self._kept += 1
            else:
                again += 1
                old = track.known.pop(position, None) or track.moved.get(position)
                if old is None:
                    mean = mean or self._mean(laid.start)
                self.dead += max(mean, length) if old is None else old[1]
                track.moved[position] = place
                track.hot.pop(position, None)
            if record is not None:
                size = len(record)
                if size <= _HOT_RECORD:
                    track.hot[position] = record
                    self.warm += size
        self.rewritten = max(self.rewritten, again)
        if self._kept > self._limit:
            self._forget_oldest()

    def _gone(self, name: str) -> None:
        track = self.tracks.pop(name, None)
        if track is not None:
            self.dead += track.trim(track.peak, track.peak)

    def _mean(self, end: int) -> int:
        """About how many bytes of the log up to ``end`` a record takes.

        What is written again, by another codec, may be much smaller than what it replaces, whose place nobody remembers.
        """
        records = sum(track.peak - track.first for track in self.tracks.values())
        return max(end - self.dead, 0) // max(records, 1)

    def _born(self, name: str, start: int, lanes: Mapping[str, Lane | None]) -> Track:
        """A new lane. It may begin at any position: before that, nothing of it is superseded."""
        lane = lanes.get(name)
        first = 0 if lane is None else lane.first
        track = self.tracks[name] = Track(start, first)
        track.first = first
        return track

    def _checkpointed(self, parsed: Parsed) -> None:
        line = parsed.line
        if self.head is None or self.head.version != line.version:
            self.restore(parsed)
        self.back = [(number, at) for number, at in line.back]
        self.checkpoint, self.number, self.dead = parsed.start, line.checkpoint, line.dead
        self._since, self._lines = parsed.end, 0
        self._soonest = parsed.end + 4 * (parsed.end - parsed.start)
        self.due_at = max(parsed.end + _BYTES, self._soonest)

    def restore(self, parsed: Parsed) -> None:
        """Take everything from a checkpoint."""
        line = parsed.line
        lanes = {name: Lane(*lane[:3]) for name, lane in line.lanes.items() if lane is not None}
        marks = {name: score for name, score in line.marks.items() if score is not None}
        self.head = Head(self.partition, line.version, _changed(line.changed, line.version), line.expires, lanes, marks)
        self.tracks = {}
        for name, lane in line.lanes.items():
            if lane is not None:
                track = self.tracks[name] = Track(lane[3], lane[4])
                track.first = lane[0]
        for name, position, offset, length, crc, form in line.moved:
            self.tracks[name].moved[position] = (offset, length, crc, form)
        for name, position, offset, length, crc, form in line.recent:
            self.tracks[name].known[position] = (offset, length, crc, form)
        self._kept = len(line.recent)

    def checkpoint_line(self, group: int | None = None, named: int = _RECENT) -> Line:
        """The checkpoint that says all of this, with the places of about ``named`` of the newest records."""
        head = self.head
        if head is None:
            raise AssertionError("there is nothing to write down")
        lanes: dict[str, list[int] | None] = {}
        moved: list[Located] = []
        recent: list[Located] = []
        share = max(_SMALL, named // max(len(self.tracks), 1))
        none, lane_of = Lane(), head.lanes.get
        for name, track in self.tracks.items():
            lane = lane_of(name, none)  # not `or`: an empty lane is false, and still knows its positions
            lanes[name] = [lane.first, lane.stop, lane.rewritten, track.born, track.peak]
            if track.moved:
                moved += [(name, position, *place) for position, place in track.moved.items()]
            known = track.known.items()
            newest = known if len(known) <= share else sorted(known)[-share:]
            recent += [(name, position, *place) for position, place in newest]
        return Line(
            checkpoint=self.number + 1,
            version=head.version,
            changed=None if head.changed == head.version else head.changed,
            expires=head.expires_at,
            group=group,
            lanes=lanes,
            marks=dict(head.marks),
            back=self.trail(),
            moved=moved,
            recent=recent,
            dead=self.dead,
        )

    def trail(self) -> list[tuple[int, int]]:
        """Older checkpoints for the next one to name: all near ones, ever fewer of the far ones."""
        if not self.checkpoint:
            return []
        new = self.number + 1
        return [(n, at) for n, at in [*self.back, (self.number, self.checkpoint)] if n % _stride(new - n) == 0]

    def keep(self, address: Address, record: bytes, place: Place) -> None:
        """Keep a record in memory that was read at ``place``, if that is still its place."""
        lane, position = address
        track = self.tracks.get(lane)
        if track is None or len(record) > _HOT_RECORD or track.place(position) != place:
            return
        track.hot[position] = record
        self.warm += len(record)
        if self.warm > _HOT:
            self.cool()

    def cool(self, *, wholly: bool = False) -> None:
        """Let go of the older half of the records in memory, or of all."""
        self.warm = 0
        for track in self.tracks.values():
            hot = track.hot
            if wholly:
                track.hot = {}  # a dictionary that was emptied takes the memory that it took when it was full
            elif hot:
                for position in [*hot][: (len(hot) + 1) // 2]:
                    del hot[position]
                self.warm += sum(map(len, hot.values()))

    def fold(self) -> bytes:
        """Let go of all places of appended records; of the newest, about as many as a checkpoint names, come back packed."""
        share = max(_SMALL, _RECENT // max(len(self.tracks), 1))
        places: dict[str, dict[int, Place]] = {}
        for name, track in self.tracks.items():
            known = track.known
            if known:
                places[name] = dict(islice(known.items(), max(len(known) - share, 0), None))
                track.known = {}
        self._trails, self._kept = None, 0
        return _fold(places)

    def unfold(self, folded: bytes) -> None:
        """Take back what ``fold`` gave."""
        for name, known in _unfold(folded).items():
            self.tracks[name].known = known
            self._kept += len(known)

    def _forget_oldest(self) -> None:
        share = max(_SMALL, _KEPT // max(len(self.tracks), 1))
        self._kept = 0
        for track in self.tracks.values():
            surplus = len(track.known) - share
            if surplus > 0:
                for position in sorted(track.known)[:surplus]:
                    del track.known[position]
            self._kept += len(track.known)
        self._limit = max(_KEPT, 2 * self._kept)


def _stride(distance: int) -> int:
    return 1 << max(distance.bit_length() - 2, 0)


def commit_of(partition: str, line: Line) -> Commit:
    """The commit that a line records, without its records."""
    lanes = {name: None if lane is None else Lane(*lane) for name, lane in line.lanes.items()}
    changed = _changed(line.changed, line.commit)
    return Commit(partition, line.on, line.commit, changed, lanes, line.marks, line.expires, {}, ())


def _changed(changed: int | None, version: int) -> int:
    return version if changed is None else changed
