"""The crash tool as a command: its flags, its table, its exit code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from holdall.contract import Durability
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.run import MODES, Plan, Row, run, run_controls
from holdall.testing.opening import Subject
from holdall.testing.outcomes import Flags, show, tabled
from holdall.testing.trying import try_to_break

__all__ = ["configure", "crash"]

SHOWN = 20


def configure(parser: Flags, mode: str, default: str | None) -> None:
    """The flags of this tool alone; ``mode`` is the name of the one that says how to crash."""
    how = "; ".join(f"{name}: {about}" for name, about in MODES.items())
    parser.add_argument(mode, choices=tuple(MODES), dest="crash", default=default, help=how)
    parser.add_argument("--cycles", type=int, default=60, help="how often (default: %(default)s)")
    parser.add_argument("--writers", type=int, default=3, help="processes, for a shared storage (default: %(default)s)")


def crash(asked: argparse.Namespace) -> int:
    """Run the controls, then the plugin; the exit code says what came out."""

    def attempt(subject: Subject, seed: str, folder: Path) -> bool | None:
        plan = Plan(asked.crash, asked.cycles, seed, asked.writers, folder)
        controls = run_controls(plan, _progress)
        rows = run(subject, plan, _progress) if all(row.right for row in controls) else []
        _report(asked, plan, [*controls, *rows])
        return any(row.findings.broken for row in rows) if rows else None

    least = Durability.PROCESS if asked.crash == "kill" else Durability.POWER
    return try_to_break(asked, "crash", least, attempt)


def _progress(findings: Findings) -> None:
    """Say how far it is, now and then."""
    if findings.cycles % 50 == 0:
        show(f"{findings.cycles} cycles, {findings.acked} acknowledged, {findings.broken} broken")


def _report(asked: argparse.Namespace, plan: Plan, rows: list[Row]) -> None:
    """Print what was found."""
    if asked.json:
        told = [
            {
                "plugin": row.name,
                "writers": row.game,
                "control": row.must_lose is not None,
                "must_lose": row.must_lose,
                "right": row.right if row.must_lose is not None else row.findings.broken == 0,
                "counts": row.findings.counts(),
                "details": row.findings.details[:SHOWN],
            }
            for row in rows
        ]
        print(json.dumps({"plugin": asked.name, "mode": plan.mode, "seed": plan.seed, "rows": told}))  # noqa: T201
        return
    words = {None: "", True: "must lose", False: "must not lose"}
    print(f"{asked.name}, {plan.mode}: {MODES[plan.mode]}; seed {plan.seed}")  # noqa: T201
    cells = [
        [row.name, row.game, *map(str, row.findings.counts().values()), _ending(row, words[row.must_lose])]
        for row in rows
    ]
    print(tabled(["", "writers", *Findings.names(), ""], cells))  # noqa: T201
    for row in rows:
        if row.must_lose is None:
            for detail in row.findings.details[:SHOWN]:
                print(f"  {detail:.600}")  # noqa: T201


def _ending(row: Row, duty: str) -> str:
    if row.must_lose is None:
        return "BROKEN" if row.findings.broken else "kept"
    return f"control: {duty}, {'right' if row.right else 'WRONG'}"
