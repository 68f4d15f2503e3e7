"""``python -m tests.release``: run the checks, print the table, keep the results."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.machine import facts
from tests.release.checks import CHECKS, Check
from tests.release.running import Outcome, run
from tests.release.table import line, page

KEPT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__, allow_abbrev=False)
    parser.add_argument("--short", action="store_true", help="the form that CI runs: minutes in place of hours")
    parser.add_argument("--jobs", type=int, default=1, help="how many checks run at once (default 1)")
    parser.add_argument("--only", default="", help="names of checks, or backends, with commas; all without")
    parser.add_argument("--out", type=Path, help="a JSON file for the outcomes")
    parser.add_argument("--label", default="", help="a title for the run, kept in the JSON file")
    parser.add_argument("--list", action="store_true", help="only print the commands")
    parser.add_argument("--table", action="store_true", help="only write docs/benchmarks/reliability.md again")
    return parser


def chosen(only: str, *, short: bool) -> list[Check]:
    """The checks that were asked for; raises ``SystemExit`` for a name that there is not."""
    wanted = {name.strip() for name in only.split(",") if name.strip()}
    known = {name for check in CHECKS for name in (check.name, check.backend)}
    if unknown := wanted - known:
        raise SystemExit(f"there is no check or backend {min(unknown)!r}; there are: {', '.join(sorted(known))}")
    found = [check for check in CHECKS if not wanted or check.name in wanted or check.backend in wanted]
    return [check for check in found if check.short or not short]


def main() -> int:
    """1 when a promise is broken. What this machine could not run is said at the end, and is no success in CI."""
    asked = parser().parse_args()
    if asked.table:
        (KEPT / "reliability.md").write_text(page(KEPT))
        return 0
    checks = chosen(asked.only, short=asked.short)
    if asked.list:
        for check in checks:
            print(" ".join(["python", *(check.short if asked.short else check.long)[1:]]))
        return 0
    began, outcomes = time.time(), list[Outcome]()
    label = asked.label or ("short form" if asked.short else "long form")
    for outcome in outcomes_of(checks, short=asked.short, jobs=asked.jobs):
        outcomes.append(outcome)
        print(line(outcome.as_dict()), flush=True)
        if asked.out is not None:  # each time: hours are not lost when it is stopped
            keep(asked.out, label, began, outcomes)
    counts = {status: sum(one.status == status for one in outcomes) for status in ("held", "BROKEN", "missing")}
    print(", ".join(f"{count} {status}" for status, count in counts.items()))
    for one in outcomes:
        if one.status == "missing":
            print(f"NOT RUN: {one.name} {one.backend}")
    return 1 if counts["BROKEN"] else 0


def outcomes_of(checks: list[Check], *, short: bool, jobs: int) -> Iterator[Outcome]:
    """Run every check, ``jobs`` at a time, and tell in the order of the checks what came of them."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda check: run(check, short=short), checks)


def keep(path: Path, label: str, began: float, outcomes: list[Outcome]) -> None:
    """Write the run down, one outcome to a line."""
    with tempfile.TemporaryDirectory() as folder:
        machine = facts(folder, "")
    head = {
        "label": label,
        "date": dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 1),
        "machine": machine,
    }
    rows = ",\n".join("  " + json.dumps(one.as_dict(), ensure_ascii=False) for one in outcomes)
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("}").rstrip()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{text},\n "outcomes": [\n{rows}\n ]\n}}\n')


if __name__ == "__main__":
    sys.exit(main())
