"""The page of the fault matrix, from what a run of its tests came to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.matrix.cells import BACKENDS, MATRIX, NONE, asked
from tests.matrix.outcomes import Proof

RAN = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "faults.json"


def proofs() -> list[Proof]:
    """What is on record."""
    return [Proof(**row) for row in json.loads(RAN.read_text())]


def faults() -> Iterator[str]:
    """The lines of docs/faults.md."""
    yield from (
        "# Faults",
        "",
        "What each backend does when something goes wrong, each cell tried for real by the test it links to. Written by",
        "`make docs` from [a run of the tests](benchmarks/faults.json); `make matrix` makes another.",
        "",
        "- **T**: a typed error, and the store is unharmed.",
        "- **R**: it recovers by itself, and nothing acknowledged is lost.",
        "- **D**: health says that something is wrong, until it no longer is.",
        "- **lost**: the data lives and dies with the process, and a configuration that demands more is refused.",
        "- `-`: does not apply.",
        "",
        "| fault | " + " | ".join(BACKENDS) + " |",
        "|---|" + "---|" * len(BACKENDS),
    )
    ran = proofs()
    for fault in MATRIX:
        row = [_cell(fault, backend, ran) for backend in BACKENDS]
        yield f"| {fault} | " + " | ".join(row) + " |"
    run = {(each.fault, each.backend) for each in ran if each.outcome == "passed"}
    there = sum(asks != NONE for row in MATRIX.values() for asks in row)
    yield ""
    yield f"{there} cells apply, {len(run)} of them were run and hold."


def _cell(fault: str, backend: str, ran: list[Proof]) -> str:
    asks = asked(fault, backend)
    if asks == NONE:
        return NONE
    mine = [each for each in ran if (each.fault, each.backend) == (fault, backend)]
    bad = [each for each in mine if each.outcome == "failed"]
    skipped = [each for each in mine if each.outcome == "skipped"]
    path = mine[0].test.split("::")[0] if mine else ""
    text = f"[{asks}](../{path})" if path else asks
    if bad or not mine:
        return f"{text} **{'does not hold' if bad else 'no test'}**"
    return f"{text} not run: {skipped[0].reason}" if skipped else text
