"""Liars about what is stored: records, heads and spans come back otherwise than they were committed."""

from __future__ import annotations

import json
from dataclasses import replace

from holdall.contract import Head, Lane, Snapshot, Span

from .lying import Memory, liar


class Retold(Memory):
    """Changes records on their way in."""

    async def commit(self, commit):
        await super().commit(replace(commit, write={at: self.told(record) for at, record in commit.write.items()}))

    def told(self, record):
        raise NotImplementedError


class Reheaded(Memory):
    """Changes heads on their way out, after they were compared."""

    def _part(self, partition, spans):
        found = super()._part(partition, spans)
        return Snapshot(self.told(found.head), found.records)

    def told(self, head):
        raise NotImplementedError


@liar("test_honest")
class Honest(Memory):
    """Tells the truth; it is here to show that liars fail by their lies."""


@liar("test_bytes_exactly", "test_any_steps")
class StripsNul(Retold):
    """Ends a record at its trailing NULs, as a C string would."""

    def told(self, record):
        return record.rstrip(b"\0")


@liar("test_bytes_exactly")
class DecodesText(Retold):
    """Takes records for text."""

    def told(self, record):
        return record.decode(errors="replace").encode()


@liar("test_text_like_bytes")
class NormalisesJson(Retold):
    """Reads what looks like JSON and writes it again."""

    def told(self, record):
        try:
            return json.dumps(json.loads(record)).encode()
        except (ValueError, RecursionError):
            return record


@liar("test_sizes", "test_a_mebibyte")
class SmallColumns(Retold):
    """Keeps the first 64 KiB of a record."""

    def told(self, record):
        return record[:65535]


@liar("test_a_mebibyte")
class AlmostAMebibyte(Retold):
    """Counts its own header into the limit."""

    def told(self, record):
        return record[: (1 << 20) - 16]


@liar("test_absent")
class NeverAbsent(Memory):
    """Answers with an empty partition where there is none."""

    async def load(self, partition, *spans):
        return await super().load(partition, *spans) or Snapshot(Head(partition, 0, 0))


@liar("test_head", "test_by_score")
class UnsignedScores(Memory):
    """Keeps scores without their sign."""

    async def commit(self, commit):
        await super().commit(replace(commit, marks={m: s if s is None else abs(s) for m, s in commit.marks.items()}))


@liar("test_head_without_anything")
class NoEmptyLanes(Reheaded):
    """Forgets lanes that hold nothing."""

    def told(self, head):
        return replace(head, lanes={name: lane for name, lane in head.lanes.items() if len(lane)})


@liar("test_changed_is_not_version")
class AlwaysChanged(Reheaded):
    """Takes every version for one that clients can see."""

    def told(self, head):
        return replace(head, changed=head.version)


@liar("test_expiry_is_kept")
class ActsOnExpiry(Memory):
    """Hides what has expired, as a cache would."""

    async def load(self, partition, *spans):
        found = await super().load(partition, *spans)
        return None if found is not None and (found.head.expires_at or 2) < 2 else found


@liar("test_expiry_is_kept", "test_created_again")
class ExpiryStays(Memory):
    """Never takes an expiry back, not even for a new partition of the same name."""

    async def commit(self, commit):
        old = self.kept.get(commit.partition)
        self.kept[commit.partition] = commit.expires_at or old
        await super().commit(replace(commit, expires_at=commit.expires_at or old))

    def __init__(self, settings):
        super().__init__(settings)
        self.kept = {}


@liar("test_order_past_ten")
class TextPositions(Memory):
    """Orders positions as text: 10 comes before 9."""

    def _part(self, partition, spans):
        head, records = self._heads[partition], self._records[partition]
        chosen = {}
        for span in spans:
            lane = head.lanes.get(span.lane)
            where = span.within(lane) if lane else range(0)
            if where:
                low, high = str(where[0]), str(where[-1])
                chosen |= {at: records[at] for at in records if at[0] == span.lane and low <= str(at[1]) <= high}
        return Snapshot(head, chosen)


class Misread(Memory):
    """Reads other spans than those asked for."""

    def _part(self, partition, spans):
        lanes = self._heads[partition].lanes
        return super()._part(partition, [self.told(span, lanes.get(span.lane, Lane())) for span in spans])

    def told(self, span, lane):
        raise NotImplementedError


@liar("test_spans")
class StrictNegative(Misread):
    """A negative start before the beginning of the lane reads nothing."""

    def told(self, span, lane):
        return Span(span.lane, lane.stop) if span.start < -len(lane) else span


@liar("test_spans_of_a_lane_that_starts_late")
class CountsFromZero(Misread):
    """A negative start counts from the lane's length, which is its stop only when it begins at 0."""

    def told(self, span, lane):
        return Span(span.lane, len(lane) + span.start, span.stop) if -len(lane) <= span.start < 0 else span


@liar("test_spans", "test_several_spans")
class IncludesStop(Misread):
    """Reads the record at ``stop``, too."""

    def told(self, span, lane):
        return span if span.stop is None else Span(span.lane, span.start, span.stop + 1)


@liar("test_several_spans")
class OneSpanPerLane(Memory):
    """Keeps the spans in a dictionary by lane."""

    def _part(self, partition, spans):
        return super()._part(partition, list({span.lane: span for span in spans}.values()))


@liar("test_snapshots_do_not_move")
class LiveHeads(Memory):
    """Hands out its own dictionaries, and goes on changing them."""

    async def commit(self, commit):
        old = self._heads.get(commit.partition)
        await super().commit(commit)
        if old is not None:
            new = self._heads[commit.partition]
            for live, now in ((old.lanes, new.lanes), (old.marks, new.marks)):
                live.update(now)
            self._heads[commit.partition] = replace(new, lanes=old.lanes, marks=old.marks)
