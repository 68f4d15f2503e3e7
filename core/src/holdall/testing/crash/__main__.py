"""``python -m holdall.testing.crash``: see the package."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from holdall.contract import Durability
from holdall.errors import HoldallError
from holdall.testing.crash import __doc__ as described
from holdall.testing.crash.disk import Missing
from holdall.testing.crash.run import Control, Plan, run, run_controls
from holdall.testing.crash.verdict import Findings
from holdall.testing.opening import subject_of

BROKEN, USAGE, CONTROL, MISSING = 1, 2, 3, 4
SHOWN = 20


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        "python -m holdall.testing.crash",
        description=described,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes: 0 all kept, 1 a promise is broken, 2 usage, 3 a control misbehaved, 4 MISSING tools",
        allow_abbrev=False,
    )
    parser.add_argument("--plugin", required=True, help="the storage to crash")
    parser.add_argument("--plugin-file", type=Path, help="the file of a single-file plugin")
    parser.add_argument("--mode", choices=("kill", "cut"), default="kill")
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--seed", default="", help="repeats the same writers and waits; random when left out")
    parser.add_argument("--writers", type=int, default=3, help="processes, for a shared storage")
    parser.add_argument("--dir", type=Path, help="an empty folder to work in; it is kept when something is broken")
    parser.add_argument("--controls", action="store_true", help="first show that the tool sees a loss, and only a loss")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()


def show(told: str) -> None:
    """Say how it goes, on the error stream."""
    print(told, file=sys.stderr, flush=True)  # noqa: T201 - a command-line tool


def progress(findings: Findings) -> None:
    """Say how far it is, now and then."""
    if findings.cycles % 50 == 0:
        show(f"{findings.cycles} cycles, {findings.acked} acknowledged, {findings.broken} broken")


def report(asked: argparse.Namespace, seed: str, findings: Findings | None, controls: list[Control]) -> None:
    """Print what was found."""
    shown = [(control.name, control.must_lose, control.right, asdict(control.findings)) for control in controls]
    if asked.json:
        keys = ("name", "must_lose", "right", "counts")
        run_ = {"plugin": asked.plugin, "mode": asked.mode, "seed": seed, "counts": findings and asdict(findings)}
        print(json.dumps({**run_, "controls": [dict(zip(keys, one, strict=True)) for one in shown]}))  # noqa: T201
        return
    for control in controls:
        verb = "had to lose" if control.must_lose else "had to lose nothing"
        print(f"{control.name} {verb}: {'right' if control.right else 'WRONG'}\n{control.findings.table()}\n")  # noqa: T201
    if findings is not None:
        print(f"{asked.plugin}, {asked.mode}, seed {seed}\n{findings.table()}")  # noqa: T201
        for detail in findings.details[:SHOWN]:
            print(f"  {detail:.600}")  # noqa: T201


def main() -> int:
    """Run the controls, then the plugin; the exit code says what came out."""
    asked = arguments()
    logging.getLogger("holdall").setLevel(logging.CRITICAL)  # each cycle stops uncleanly, which is the point
    seed = asked.seed or secrets.token_hex(4)
    folder = asked.dir or Path(tempfile.mkdtemp(prefix="holdall-crash-"))
    plan = Plan(asked.mode, asked.cycles, seed, asked.writers, folder)
    findings: Findings | None = None
    controls: list[Control] = []
    needed = Durability.POWER if asked.mode == "cut" else Durability.PROCESS
    try:
        subject = subject_of(asked.plugin, asked.plugin_file)
        claimed = subject.offer.abilities.durability
        if claimed < needed:
            show(f"{asked.plugin} claims durability {claimed.label}: it does not promise to survive this")
            return USAGE
        if asked.controls:
            controls = run_controls(plan, progress)
        if all(control.right for control in controls):
            findings = run(subject, plan, progress)
    except Missing as missing:
        show(f"MISSING: {missing}")
        return MISSING
    except HoldallError as error:
        show(str(error))
        return USAGE
    report(asked, seed, findings, controls)
    if findings is None:
        return CONTROL
    if findings.broken:
        show(f"broken promises; repeat with --seed {seed}; what is left is in {folder}")
        return BROKEN
    if asked.dir is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
