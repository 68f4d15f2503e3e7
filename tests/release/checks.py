"""The checks: what each promises, its command in the short and in the long form, and which numbers tell of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.release import telling

PYTHON = sys.executable
IN_TESTS: tuple[str, ...] = ()
"""The short form is a test among the others."""
_PYTEST = (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "3000")
DURABLE = ("file", "diskcache", "tinydb")


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and the command that tries to break it."""

    name: str
    backend: str
    promise: str
    short: tuple[str, ...]
    """Empty where it is a test among the others."""
    long: tuple[str, ...]
    numbers: Callable[[str], dict[str, Any]]
    """What to say of everything that it printed; raises or says nothing where it did not come to an end."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout: float = 7200


def _plugin(backend: str, *argv: object) -> tuple[str, ...]:
    return (PYTHON, "-m", "holdall.cli", "plugin", "test", backend, *map(str, argv), "--json")


def _module(name: str, *argv: object) -> tuple[str, ...]:
    return (PYTHON, "-m", f"tests.system.{name}", *map(str, argv))


def _crash(backend: str, mode: str, few: int, many: int, promise: str) -> Check:
    short, long = (_plugin(backend, "--crash", mode, "--cycles", cycles) for cycles in (few, many))
    return Check(f"crash {mode}", backend, promise, short, long, telling.crash)


def _faults(backend: str, sample: int) -> Check:
    promise = "whatever call that writes fails, or is the last, all of a step is there or none of it"
    short, long = _plugin(backend, "--faults", "--sample", sample), _plugin(backend, "--faults")
    return Check("faults", backend, promise, short, long, telling.faults)


def _linear(backend: str, few: int, many: int) -> Check:
    promise = "what racing clients saw has an order, with a process killed among them"
    short, long = (_plugin(backend, "--linear", "--histories", count) for count in (few, many))
    return Check("linearizability", backend, promise, short, long, telling.linear)


def _stopping(how: str, workers: int, promise: str) -> Check:
    long = _module("stopping", "--how", how, "--workers", workers, "--rounds", 20)
    name = f"SIG{how.upper()} with {workers} worker{'s' * (workers > 1)}"
    return Check(name, "file", promise, IN_TESTS, long, telling.lines("rounds well"))


def _conversing(how: str, workers: int, promise: str) -> Check:
    long = _module("conversing", "--how", how, "--workers", workers, "--rounds", 10, "--seconds", 5)
    return Check(f"conversations, a killed {how}", "file", promise, IN_TESTS, long, telling.lines("rounds well"))


def _backups(backend: str) -> Check:
    promise = "a backup under four writers is a prefix of each session; a killed restore is finished or refused"
    long = _module("backups", "--backend", backend, "--runs", 20, "--kills", 50)
    return Check("backup and restore", backend, promise, IN_TESTS, long, telling.lines("p99", "kills", "fault"))


def _churn(backend: str) -> Check:
    promise = "disk, files, descriptors, threads and memory stay bounded while sessions come and go"
    long = _module("churn", "--backend", backend, "--minutes", 10)
    return Check("churn", backend, promise, IN_TESTS, long, telling.lines(backend))


def _damaged(backend: str) -> Check:
    promise = "10,000 sessions, 1 % of them damaged: the others are served within 5 s, exactly those are named"
    long = _module("damaged", "--backend", backend, "--sessions", 10_000)
    return Check("damaged sessions", backend, promise, IN_TESTS, long, telling.lines(backend))


def _repairs() -> Check:
    promise = "a repair that is killed at any call that writes is run again to the same end"
    long = (*_PYTEST, "core/tests/test_cli_repair.py", "-k", "killed")
    return Check("killed repairs", "all", promise, IN_TESTS, long, telling.lines("passed"), {"REPAIR_KILLS": "1000"})


def _flips() -> Check:
    promise = "a flipped bit in any of 1,000 records is found, costs that record, is reported and repaired"
    long = (*_PYTEST, "tests/matrix/test_bit_flip.py")
    return Check("bit flips", "all", promise, IN_TESTS, long, telling.lines("passed"), {"MATRIX_FLIPS": "1000"})


def _orders() -> Check:
    promise = "codecs on, off and changed, keys rotated, in any order: every record that was ever written is read"
    long = (*_PYTEST, "core/tests/test_any_order.py")
    return Check("any order", "all", promise, IN_TESTS, long, telling.lines("passed"), {"ORDER_LIVES": "200"})


CHECKS = [
    *(_crash(backend, "kill", few, 1000, "acknowledged writes survive kill -9")
      for backend, few in zip(DURABLE, (40, 6, 6), strict=True)),
    *(_crash(backend, "cut", few, 200, "acknowledged writes survive a power cut")
      for backend, few in zip(DURABLE, (12, 4, 4), strict=True)),
    _crash("file", "mix", 4, 200, "acknowledged writes survive a cut after one of the processes was killed"),
    *(_faults(backend, sample) for backend, sample in zip(DURABLE, (80, 12, 12), strict=True)),
    *(_linear(backend, few, 200) for backend, few in zip(DURABLE, (6, 2, 2), strict=True)),
    _stopping("term", 1, "SIGTERM under load loses nothing, cuts no answer off and ends in time"),
    _stopping("term", 2, "the same with two workers"),
    _stopping("kill", 2, "a killed worker loses nothing acknowledged, and is replaced within 3 s"),
    _conversing("server", 1, "forks, edits, purges and all the rest: what was acknowledged holds, none is there by half"),
    _conversing("worker", 2, "the same with two workers, of which now one and now the other is killed"),
    *map(_backups, ("file", "diskcache")),
    *map(_churn, ("memory", *DURABLE)),
    *map(_damaged, ("file", "diskcache")),
    _repairs(),
    _flips(),
    _orders(),
]  # fmt: skip
