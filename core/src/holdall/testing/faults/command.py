"""The fault tool as a command: its flags, its table, its exit code."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from holdall.contract import Durability
from holdall.testing.faults.run import Plan, Tried, control, run
from holdall.testing.opening import Subject
from holdall.testing.outcomes import Flags, show, tabled
from holdall.testing.trying import try_to_break

__all__ = ["configure", "faults"]

SHOWN = 20


def configure(parser: Flags) -> None:
    """The flags of this tool alone."""
    parser.add_argument("--sample", type=int, metavar="N", help="try N points, chosen by the seed, instead of all")


def faults(asked: argparse.Namespace) -> int:
    """Run the control, then the plugin; the exit code says what came out."""

    def attempt(subject: Subject, seed: str, folder: Path) -> bool | None:
        plan = Plan(seed, asked.sample, folder)
        caught = control(plan, lambda _: None)
        tried = run(subject, plan, _progress) if caught.violations else None
        _report(asked, plan, caught, tried)
        return None if tried is None else tried.violations > 0

    return try_to_break(asked, "faults", Durability.PROCESS, attempt)


def _progress(tried: Tried) -> None:
    """Say how far it is, now and then."""
    done = sum(row.points for row in tried.rows.values())
    if done % 200 == 0:
        show(f"{done} points, {tried.violations} violations")


def _report(asked: argparse.Namespace, plan: Plan, caught: Tried, tried: Tried | None) -> None:
    """Print what was found."""
    if asked.json:
        told = None if tried is None else _plain(tried)
        print(json.dumps({"plugin": asked.name, "seed": plan.seed, "control": _plain(caught), "faults": told}))  # noqa: T201
        return
    right = "found out" if caught.violations else "NOT FOUND OUT: nothing is proved"
    print(f"control-careless: {caught.points} points, {caught.violations} violations: {right}")  # noqa: T201
    if tried is None:
        return
    rows = [[*key, str(row.points), str(row.missed), str(row.violations)] for key, row in sorted(tried.rows.items())]
    print(tabled(["operation", "call", "fault", "points", "missed", "violations"], rows))  # noqa: T201
    sampled = "" if plan.sample is None else f" of {tried.there}"
    print(f"{asked.name}, seed {plan.seed}: {tried.points}{sampled} points, {tried.violations} violations")  # noqa: T201
    for detail in tried.details[:SHOWN]:
        print(f"  {detail:.600}")  # noqa: T201


def _plain(tried: Tried) -> dict[str, object]:
    rows = [
        dict(zip(("operation", "call", "fault"), key, strict=True), **asdict(row))
        for key, row in sorted(tried.rows.items())
    ]
    counts = {"there": tried.there, "points": tried.points, "violations": tried.violations}
    return {**counts, "rows": rows, "details": tried.details[:SHOWN]}
