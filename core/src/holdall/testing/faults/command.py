"""The fault tool as a command: its flags, its table, its exit code."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from holdall.contract import Durability
from holdall.testing.crash.disk import Missing
from holdall.testing.faults.run import Plan, Tried, control, run
from holdall.testing.opening import subject_of
from holdall.testing.outcomes import BROKEN, CONTROL, MISSING, OK, USAGE, Flags, show, tabled

__all__ = ["configure", "faults"]

SHOWN = 20


def configure(parser: Flags) -> None:
    """The flags of this tool alone."""
    parser.add_argument("--sample", type=int, metavar="N", help="try N points, chosen by the seed, instead of all")


def faults(asked: argparse.Namespace) -> int:
    """Run the control, then the plugin; the exit code says what came out."""
    logging.getLogger("holdall").setLevel(logging.CRITICAL + 1)  # what fails is meant to
    seed = asked.seed or secrets.token_hex(4)
    folder = asked.dir or Path(tempfile.mkdtemp(prefix="holdall-faults-"))
    subject, plan = subject_of(asked.name, asked.plugin_file), Plan(seed, asked.sample, folder)
    claimed = subject.offer.abilities.durability
    if claimed < Durability.PROCESS:
        show(f"{asked.name} claims durability {claimed.label}: nothing of it outlives its process")
        return USAGE
    try:
        caught = control(plan, lambda _: None)
        tried = run(subject, plan, _progress) if caught.violations else None
    except Missing as missing:
        show(f"MISSING: {missing}")
        return MISSING
    _report(asked, plan, caught, tried)
    if tried is None:
        return CONTROL
    if tried.violations:
        show(f"broken promises; repeat with --seed {seed}; what is left is in {folder}")
        return BROKEN
    if asked.dir is None:
        shutil.rmtree(folder, ignore_errors=True)
    return OK


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
