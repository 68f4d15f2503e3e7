"""Purging: what is there stays, and of what is not there any more no byte is left, or it is said where some may be."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from holdall.contract import Scan
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import Step

__all__ = ["PurgeCases"]


class PurgeCases(Cases):
    """``purge``, which is optional: a storage that cannot tell says so."""

    @case
    async def test_purge_keeps_what_is_there(self, bench: Bench) -> None:
        """``purge`` "leaves no byte … of what was a record of the partition and is none any more": what is one stays."""
        await bench.put(*(Step(name).append("a", *(b"%d" % n for n in range(50))).mark("m", 1) for name in "pqr"))
        await bench.put(bench.onto("p").rewrite("a", 3, b"three").trim("a", 2).append("b", b"new"))
        await bench.drop("r")
        for name in ("p", "r", "p", "nobody"):
            assert _lines(await bench.store.purge(name)) is not None
            await bench.agrees("p", "q", "r")
        await bench.scans(Scan("m"))
        await bench.put(bench.onto("p").append("a", b"after"))
        if bench.durable:
            await bench.reopen()
        await bench.agrees("p", "q", "r")

    @case
    async def test_purge_leaves_no_byte(self, bench: Bench) -> None:
        """``purge`` answers "a line for each place that may still have some; nothing when it is certain"."""
        marks = [secrets.token_hex(16).encode() for _ in range(6)]
        first, trimmed, lane, dropped, stays, other = marks
        await bench.put(Step("q").append("a", *([b'{"said":"%b"}' % other] * 20)))
        for name in ("p", "gone"):
            await bench.put(Step(name).append("a", *(b"record %d" % n for n in range(40))))
        await bench.put(
            bench.onto("p").append("a", b'{"said":"%b"}' % first, stays).append("b", lane).start("c", 0, trimmed, stays)
        )
        await bench.put(bench.onto("p").rewrite("a", 40, b'{"said":""}'))
        await bench.put(bench.onto("p").remove("b").trim("c", 1))
        await bench.put(bench.onto("gone").append("a", b"\x00\xff" + dropped + b"\n"))
        await bench.drop("gone")
        told = {name: _lines(await bench.store.purge(name)) for name in ("p", "gone")}
        if all(told.values()):
            pytest.skip(f"it says that it is not certain: {told['p'][0]}")
        await bench.agrees("p", "q", "gone")
        for name, words in (("p", (first, trimmed, lane)), ("gone", (dropped,))):
            for path in _files(bench.options) if not told[name] else ():
                left = [word for word in words if _has(path.read_bytes(), word)]
                assert not left, f"purge({name!r}) is certain, and {path.name} has {left[0]!r}"


def _lines(told: Any) -> Sequence[str]:
    """What ``purge`` answered, if it is what it has to be."""
    assert isinstance(told, list | tuple), f"purge answered {told!r}, which are no lines"
    lines = cast("Sequence[Any]", told)
    assert all(isinstance(line, str) and line.strip() for line in lines), (
        f"purge answered {lines!r}, which are no lines"
    )
    return lines


def _files(options: Mapping[str, Any]) -> Iterator[Path]:
    """Every file below, or beside, the paths that options name."""
    for value in options.values():
        if isinstance(value, Mapping):
            yield from _files(cast("Mapping[str, Any]", value))
        elif isinstance(value, str | Path) and Path(value).is_absolute():
            at = Path(value)
            found = at.rglob("*") if at.is_dir() else at.parent.glob(f"{at.name}*")
            yield from (path for path in found if path.is_file())


def _has(data: bytes, word: bytes) -> bool:
    """Whether a file has a word: plain, in hexadecimal, or in base64 wherever that begins."""
    forms = [word, word.hex().encode(), word.hex().upper().encode()]
    forms += [base64.b64encode(b"\0" * shift + word)[4 : len(word) // 3 * 4] for shift in range(3)]
    return any(form in data for form in forms)
