"""The short form: sessions come and go, and neither the disk nor the memory notices. The long one is in release-check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.churn.sampling import Sample, verdict

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.covers("ST-08", "ST-12", "OP-15")


def lived(backend: str, hours: int, *more: str) -> tuple[int, str]:
    """A life in a process of its own: what other tests left in the memory of this one would hide what is taken."""
    argv = [sys.executable, "-m", "tests.system.churn", "--backend", backend, "--hours", str(hours), *more]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr)  # with the seed
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("backend", "hours"),
    [
        ("memory", 36),
        ("file", 30),
        pytest.param("diskcache", 30, marks=pytest.mark.thorough),
        pytest.param("tinydb", 30, marks=pytest.mark.thorough),
    ],
)
def test_what_comes_and_goes_leaves_nothing(backend: str, hours: int) -> None:
    code, verdict = lived(backend, hours)
    assert (code, verdict.endswith("; bounded")) == (0, True)
    assert int(verdict.split()[1].replace(",", "")) > 0


@pytest.mark.parametrize(("backend", "found"), [("memory", ["rss"]), ("file", ["disk", "files"])])
def test_a_storage_that_drops_nothing_is_found_out(backend: str, found: list[str]) -> None:
    """The negative control."""
    code, verdict = lived(backend, 18, "--seed", "5", "--hoard")
    assert code == 1
    assert all(f"; {fault} " in verdict for fault in found)


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
