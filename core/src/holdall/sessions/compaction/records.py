"""The record of a compaction: of which messages what is shown; and what is told of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from holdall.errors import Damaged
from holdall.sessions.summaries.covers import Covers, id_at

__all__ = ["Compaction", "CompactionRecord", "Elided", "Replaced", "encoded", "parse_compaction", "runs_of"]


class Elided(msgspec.Struct, frozen=True, array_like=True):
    """A message of which output is left out: its position, and for each such part how many tokens it had."""

    position: int
    parts: dict[int, int]


class Replaced(msgspec.Struct, frozen=True, array_like=True):
    """Messages, by the positions of the first and the last, for which a summary is shown."""

    first: int
    last: int
    summary: str


class Size(msgspec.Struct, frozen=True):
    """How much a context is."""

    messages: int
    tokens: int


class CompactionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A compaction as it is stored, in format 1: what a model is shown of the messages up to ``last``."""

    format: Literal[1] = 1
    id: str
    last: str
    """The id of the last message that it decides about; all later ones are shown as they are."""
    covers: Covers
    kept: tuple[tuple[int, int], ...]
    """The messages that are shown, as runs of positions: each from the first to before the last number."""
    elided: tuple[Elided, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    pending: tuple[int, ...] = ()
    """The positions of messages left out that belong to calls without an answer: the answers bring them back."""
    compactors: tuple[str, ...]
    tokenizer: str
    budget: int
    before: Size
    after: Size
    created_at: int
    created_by: str


class Compaction(msgspec.Struct, frozen=True):
    """A compaction, as it was at one moment."""

    record: CompactionRecord
    stale: bool
    """Whether a message that it decides about was changed since, or is gone."""
    version: int
    """The session's."""

    @property
    def id(self) -> str:
        """Unique in the session; names its place."""
        return self.record.id

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it: messages by their ids."""
        record, covers = self.record, self.record.covers
        told = {
            "id": record.id,
            "first": id_at(covers, covers.runs[0].start),
            "last": record.last,
            "kept": [[id_at(covers, start), id_at(covers, stop - 1)] for start, stop in record.kept],
            "elided": [{"message": id_at(covers, one.position), "parts": sorted(one.parts)} for one in record.elided],
            "replaced": [
                {"first": id_at(covers, one.first), "last": id_at(covers, one.last), "summary": one.summary}
                for one in record.replaced
            ],
        }
        names = ("compactors", "tokenizer", "budget", "before", "after", "created_at", "created_by")
        told |= msgspec.to_builtins({name: getattr(record, name) for name in names})
        return {**told, "met": record.after.tokens <= record.budget, "stale": self.stale}


def runs_of(positions: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Positions, which ascend, as runs."""
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and runs[-1][1] == position:
            runs[-1] = (runs[-1][0], position + 1)
        else:
            runs.append((position, position + 1))
    return tuple(runs)


encoded = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(CompactionRecord | None, strict=False).decode
"""Not strict, for JSON has no keys that are numbers."""


def parse_compaction(data: bytes) -> CompactionRecord | None:
    """A stored compaction; ``None`` for one that is passed over, as if it had not been made.

    It was lost, and a repair put ``null`` in its place; or it names messages that it does not decide about, as was once
    stored for a branch that was shown to an end before its own fork.
    """
    try:
        record = _decode(data)
    except ValueError:
        raise Damaged("a compaction", "it is not what was written") from None
    return record if record is not None and _fits(record) else None


def _fits(record: CompactionRecord) -> bool:
    """Whether every message that it names is one of those that it decides about."""
    named = [at for start, stop in record.kept for at in (start, stop - 1)]
    named += [one.position for one in record.elided]
    named += [at for one in record.replaced for at in (one.first, one.last)]
    runs = record.covers.runs
    return bool(runs) and all(any(run.start <= at < run.stop for run in runs) for at in [*named, *record.pending])
