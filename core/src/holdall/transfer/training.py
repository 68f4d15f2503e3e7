"""Training a dictionary on a store's own records, and judging it by others before it is used."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdall.clock import Clock
from holdall.codecs import Codec, Compressor, Learning
from holdall.codecs.knowing import keep
from holdall.contract import Head, ISessionStorage, Span
from holdall.errors import Damaged, SettingsError
from holdall.transfer.windows import WINDOW, heads

__all__ = ["Trained", "train"]

_SESSIONS = 4096
"""Sessions that samples are taken from, chosen by chance from all."""
_SAMPLES = 16 << 20
"""Bytes of samples, of which no session gives much more than its part."""
_LEAST_PART = 64 << 10
_JUDGES = 8
"""One sample of so many is kept back, to judge the dictionary by."""
_BETTER = 0.99
"""What a new dictionary leaves of what the present one does, at the most, for it to be worth having."""


@dataclass(slots=True)
class Trained:
    """What came of it. Sizes are parts of what the judging records take as they are."""

    records: int
    bytes: int
    without: float
    present: float | None
    """With the dictionary that is used up to now."""
    new: float
    dictionary: str | None = None
    """The id of the new one, if it is used from now on."""

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        return {name: getattr(self, name) for name in ("records", "bytes", "without", "present", "new", "dictionary")}


async def train(
    storage: ISessionStorage,
    codec: Codec,
    clock: Clock,
    *,
    seed: int,
    progress: Callable[[int, str], None] = lambda _done, _name: None,
) -> Trained:
    """Make a dictionary from records of ``storage``, and use it unless the present one does as well.

    Raises ``SettingsError`` when the compressor takes none, or the records are too few to learn from.
    """
    compressor = codec.compressors.get(codec.compressor)
    if compressor is None or not isinstance(compressor, Learning):
        raise SettingsError("compression: a dictionary needs a compressor that takes one, such as zstd")
    chance = random.Random(seed)  # noqa: S311 - a choice of samples
    samples = await _samples(storage, codec, chance, progress)
    chance.shuffle(samples)
    judges, lessons = samples[::_JUDGES], [sample for at, sample in enumerate(samples) if at % _JUDGES]
    try:
        dictionary = compressor.learn(lessons)
    except ValueError as error:
        raise SettingsError(f"compression: {error}") from error
    present, _ = codec.dictionaries.writer(codec.compressor)
    report = Trained(
        records=len(samples),
        bytes=sum(map(len, samples)),
        without=_ratio(compressor, judges),
        present=None if present is None else _ratio(present, judges),
        new=_ratio(compressor.knowing(dictionary), judges),
    )
    if report.new < _BETTER * min(report.without, report.present or 1):
        report.dictionary = (await keep(storage, codec, clock, dictionary)).hex()
    return report


def _ratio(compressor: Compressor, records: list[bytes]) -> float:
    size = sum(min(len(record), len(compressor.compress(record))) for record in records)
    return round(size / max(1, sum(map(len, records))), 4)


async def _samples(
    storage: ISessionStorage, codec: Codec, chance: random.Random, progress: Callable[[int, str], None]
) -> list[bytes]:
    chosen = await _chosen(storage, chance)
    part = max(_SAMPLES // max(1, len(chosen)), _LEAST_PART)
    samples: list[bytes] = []
    size = 0
    for done, head in enumerate(chosen, 1):
        for sample in await _of_one(storage, codec, head, chance, part):
            samples.append(sample)
            size += len(sample)
        progress(done, head.partition)
        if size >= _SAMPLES:
            break
    return samples


async def _chosen(storage: ISessionStorage, chance: random.Random) -> list[Head]:
    """Sessions, each as likely as any other, in any order."""
    chosen: list[Head] = []
    seen = 0
    async for head in heads(storage):
        if not head.partition.startswith("session/"):
            continue
        seen += 1
        if len(chosen) < _SESSIONS:
            chosen.append(head)
        elif (at := chance.randrange(seen)) < _SESSIONS:
            chosen[at] = head
    chance.shuffle(chosen)
    return chosen


async def _of_one(storage: ISessionStorage, codec: Codec, head: Head, chance: random.Random, most: int) -> list[bytes]:
    """Up to about ``most`` bytes of records of one session, from windows of its lanes, those of a lane together."""
    spans = [
        Span(name, start, min(start + WINDOW, lane.stop))
        for name, lane in sorted(head.lanes.items())
        if name not in codec.apart
        for start in range(lane.first, lane.stop, WINDOW)
    ]
    chance.shuffle(spans)
    samples: list[bytes] = []
    size = 0
    for span in spans:
        if size >= most:
            break
        try:
            snapshot = await storage.load(head.partition, span)
            if snapshot is None:  # expired or deleted meanwhile
                break
            found = [codec.decode(head.partition, *item) for item in snapshot.records.items()]
        except Damaged:  # `holdall verify` names it
            continue
        samples += found
        size += sum(map(len, found))
    return samples
