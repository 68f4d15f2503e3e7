"""The linearizability tool as a command: its flags, its table, its exit code."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from holdall.contract import Durability
from holdall.testing.linear.run import Control, Plan, Raced, control, run
from holdall.testing.opening import Subject
from holdall.testing.outcomes import Flags, show, tabled
from holdall.testing.trying import try_to_break

__all__ = ["configure", "linear"]

SHOWN = 5


def configure(parser: Flags) -> None:
    """The flags of this tool alone."""
    parser.add_argument("--histories", type=int, default=10, help="how many are raced (default: %(default)s)")


def linear(asked: argparse.Namespace) -> int:
    """Run the control, then the plugin; the exit code says what came out."""

    def attempt(subject: Subject, seed: str, folder: Path) -> bool | None:
        checker = control(seed)
        raced = run(subject, Plan(asked.histories, seed, folder), _progress) if checker.right else None
        _report(asked, seed, checker, raced)
        return None if raced is None else raced.violations > 0

    return try_to_break(asked, "linear", Durability.PROCESS, attempt)


def _progress(raced: Raced) -> None:
    """Say how far it is, now and then."""
    if raced.histories % 50 == 0:
        show(f"{raced.histories} histories, {raced.calls} calls, {raced.violations} violations")


def _report(asked: argparse.Namespace, seed: str, checker: Control, raced: Raced | None) -> None:
    """Print what was found."""
    if asked.json:
        told = {"plugin": asked.name, "seed": seed, "control": asdict(checker), "linear": raced and asdict(raced)}
        print(json.dumps(told))  # noqa: T201
        return
    right = "right" if checker.right else "WRONG: nothing is proved"
    print(  # noqa: T201
        f"the checker found {checker.found} of {checker.bugs} bugs that were put in, and raised {checker.alarms} "
        f"alarms over {checker.good} good histories: {right}"
    )
    if raced is None:
        return
    names = ["histories", "calls", "unheard", "shortest", "violations"]
    print(f"{asked.name}, linear; seed {seed}")  # noqa: T201
    print(tabled(names, [[str(getattr(raced, name)) for name in names]]))  # noqa: T201
    for detail in raced.details[:SHOWN]:
        print(f"  {detail:.2000}")  # noqa: T201
