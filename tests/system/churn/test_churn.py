"""The short form: sessions come and go, and neither the disk nor the memory notices. The long one is in release-check."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.system.churn.running import churn
from tests.system.churn.sampling import Sample, verdict

pytestmark = pytest.mark.covers("ST-08", "ST-12", "OP-15")


@pytest.mark.parametrize(("backend", "hours"), [("memory", 36), ("file", 30), ("diskcache", 30), ("tinydb", 30)])
async def test_what_comes_and_goes_leaves_nothing(tmp_path: Path, backend: str, hours: int) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    samples, life = await churn(tmp_path, backend, hours=hours, seed=seed)
    assert life.steps > life.refused > 0
    assert verdict(samples) == []


@pytest.mark.parametrize("backend", ["memory", "file"])
async def test_a_storage_that_drops_nothing_is_found_out(tmp_path: Path, backend: str) -> None:
    """The negative control."""
    samples, _ = await churn(tmp_path, backend, hours=18, seed=5, hoarding=True)
    assert {fault.split()[0] for fault in verdict(samples)} >= ({"rss"} if backend == "memory" else {"disk", "files"})


def test_the_verdict_is_on_the_last_third() -> None:
    flat = Sample(disk=10_000_000, files=100, rss=50_000_000, fds=20, threads=3)
    warm = [Sample(disk=n * 1_000_000, files=n, rss=n * 5_000_000, fds=n, threads=1) for n in range(10)]
    assert verdict([*warm, *[flat] * 20]) == []
    for name, value in {"disk": 16_000_000, "files": 120, "rss": 53_000_000, "fds": 23, "threads": 5}.items():
        fields = {field: getattr(flat, field) for field in ("disk", "files", "rss", "fds", "threads")}
        more = Sample(**{**fields, name: value})
        (fault,) = verdict([*warm, *[flat] * 10, *[more] * 10])
        assert fault.startswith(name)
    assert verdict([flat, flat]) == ["the run was too short to say anything"]
