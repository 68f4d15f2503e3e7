"""``python -m tests.bench``: measure, print a table, keep the raw results."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from tests.bench.backends import KNOWN
from tests.bench.plan import LONG, QUICK, SMOKE, USUAL
from tests.bench.results import measure, write
from tests.bench.rows import Row
from tests.bench.table import line, page
from tests.bench.workloads import WORKLOADS

KEPT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def _names(known: tuple[str, ...] | None):
    def names(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",") if name.strip()]
        if known is not None and (unknown := [name for name in found if name not in known]):
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return found

    return names


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, allow_abbrev=False)
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", dest="plan", action="store_const", const=QUICK, help="a minute, for CI")
    effort.add_argument("--long", dest="plan", action="store_const", const=LONG, help="histories of 100,000 as well")
    effort.add_argument(
        "--smoke", dest="plan", action="store_const", const=SMOKE, help="seconds; the numbers say nothing"
    )
    parser.set_defaults(plan=USUAL)
    parser.add_argument("--only", type=_names(tuple(WORKLOADS)), default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--backends", type=_names(None), default=list(KNOWN), help="which storages; all that are known")
    parser.add_argument("--dir", default="", help="where stores are made: it decides which disk is measured")
    parser.add_argument("--out", type=Path, help="a JSON file for machine facts and raw results")
    parser.add_argument("--label", default="", help="a title for the run, kept in the JSON file")
    parser.add_argument("--table", action="store_true", help="only write docs/benchmarks/README.md again, and end")
    return parser


def main() -> None:
    """Measure what is asked for."""
    asked = parser().parse_args()
    if asked.table:
        (KEPT / "README.md").write_text(page(KEPT))
        return
    plan = dataclasses.replace(asked.plan, folder=asked.dir)

    def save(document: dict[str, Any]) -> None:  # each time: a long run that is stopped is not lost
        if asked.out is not None:
            write(document, asked.out)

    def show(row: Row) -> None:
        print(line(row), flush=True)

    document = measure(plan, asked.only, asked.backends, asked.label, show, save=save)
    print(f"{document['seconds']:.0f} s; load {document['load']['before']} before, {document['load']['after']} after")


if __name__ == "__main__":
    main()
