"""One run: a life on a store of one kind, sampled at even steps."""

from __future__ import annotations

import gc
import random
import time
from pathlib import Path

import holdall
from holdall.plugins import Plugins
from holdall.testing.clock import ManualClock
from tests.system.churn.hoarding import Hoarding
from tests.system.churn.living import Life
from tests.system.churn.sampling import Sample, sample

__all__ = ["churn"]

_SAMPLES = 90
_SCALES = {"tinydb": {"created_an_hour": 1}, "memory": {"message_bytes": 20_000}, "file": {"message_bytes": 40_000}}
"""TinyDB writes its whole file for each step; what sessions take must stand out from what all else takes."""
_SMALL = {"file": {"shared_log_bytes": 65536}}
"""In a short run, what fills up once must have done so in the first third."""


async def churn(
    folder: Path, backend: str, *, hours: int = 0, seconds: float = 0.0, seed: int, hoarding: bool = False
) -> tuple[list[Sample], Life]:
    """Live so many hours of the clock, or seconds of real time; what was taken, from the start to the end."""
    options = {**Plugins().storage(backend).sandbox(folder), **(_SMALL.get(backend, {}) if hours else {})}
    sessions = {"sweep_every": 0, "tombstone_kept_for": 7200}
    config = {"storage": {"use": backend, "options": options}, "sessions": sessions, "cache": {"max_bytes": 1 << 20}}
    clock, until = ManualClock(), time.monotonic() + seconds
    samples: list[Sample] = []
    async with holdall.open(config, clock=clock, around=Hoarding if hoarding else None) as store:
        life = Life(store, clock, random.Random(seed), **_SCALES.get(backend, {}))
        following = time.monotonic()
        while life.hours < hours or time.monotonic() < until:
            await life.hour()
            if not seconds or time.monotonic() >= following:
                following += seconds / _SAMPLES
                gc.collect()
                samples.append(sample(folder))
    return samples, life
