"""``python -m tests.fuzz``: make up requests for every operation of the API; report the first answers that are wrong."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.bench.machine import facts
from tests.fuzz.site import SECTIONS, Site, site
from tests.fuzz.tool import Told, fuzz

_SOUND = ("Traceback", "an internal error")
_HIDDEN = "/api/sessions/{session}"
"""The operation that a negative control describes wrongly."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__, allow_abbrev=False)
    fuzzer = Path(".venv-fuzz/bin/schemathesis")
    parser.add_argument("--command", type=Path, default=fuzzer, help="the fuzzer (make fuzz installs it)")
    parser.add_argument("--backend", default="file", help="the storage of the server (default file)")
    parser.add_argument("--also", choices=sorted(SECTIONS), nargs="*", default=[], help="what else the server has")
    parser.add_argument("--workers", type=int, default=1, help="how many processes serve (default 1)")
    parser.add_argument("--out", type=Path, help="a JSON file for what came of it; of a run that was there, too")
    parser.add_argument("--examples", type=int, default=20, help="how many examples an operation gets in each phase")
    parser.add_argument("--cases", type=int, default=0, help="fewer requests than that are a failure")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    return parser


def main() -> int:
    """1 where an answer was wrong, where a control found nothing, or where there were too few requests."""
    asked = parser().parse_args()
    print(f"seed {asked.seed}")
    began, folder_ = time.time(), tempfile.TemporaryDirectory(prefix="holdall-fuzz-")
    with folder_ as name, site(Path(name), asked.backend, asked.also, asked.workers) as there:
        folder = Path(name)
        if not _control(asked, folder, there):
            return 1
        told = _run(asked, folder, there, f"{there.url}/openapi.json", asked.examples)
        log = there.log.read_text()
        broken = [words for words in _SOUND if words in log]
        if asked.out is not None:
            _keep(asked, folder, began, told, broken)
        if told.well and not broken and told.cases >= asked.cases:
            print(f"{told.cases} requests of {told.operations} operations, every answer as the document describes it")
            return 0
        print(told.output)
        print(f"{told.cases} requests, {asked.cases} asked for; the server's log has {broken}\n{log[-2000:]}")
        return 1


def _keep(asked: argparse.Namespace, folder: Path, began: float, told: Told, broken: list[str]) -> None:
    """Add what came of a run to the file that has those before it."""
    run = {
        "date": dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - began, 1),
        "backend": asked.backend,
        "also": asked.also,
        "workers": asked.workers,
        "examples": asked.examples,
        "seed": asked.seed,
        "requests": told.cases,
        "operations": told.operations,
        "findings": [*told.findings, *broken],
        "control": "found",
    }
    runs: list[Any] = json.loads(asked.out.read_text())["runs"] if asked.out.exists() else []
    kept: dict[str, Any] = {"machine": facts(str(folder), ""), "runs": [*runs, run]}
    asked.out.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def _control(asked: argparse.Namespace, folder: Path, there: Site) -> bool:
    """A document that hides an answer which the server gives must be found wrong."""
    document: dict[str, Any] = httpx.get(f"{there.url}/openapi.json", timeout=60).json()
    del document["paths"][_HIDDEN]["get"]["responses"]["404"]
    wrong = folder / "wrong.json"
    wrong.write_text(json.dumps(document))
    told = _run(asked, folder, there, str(wrong), 10, _HIDDEN)
    found = not told.well and "Undocumented" in told.output
    print(f"control: a document without the 404 of {_HIDDEN} is {'found wrong' if found else 'TAKEN FOR RIGHT'}")
    if not found:
        print(told.output)
    return found


def _run(  # noqa: PLR0917 - what a run may differ in
    asked: argparse.Namespace, folder: Path, there: Site, document: str, examples: int, only: str | None = None
) -> Told:
    return fuzz(
        str(asked.command.absolute()),
        folder,
        document,
        url=there.url,
        token=there.token,
        known=there.known,
        examples=examples,
        seed=asked.seed,
        only=only,
    )


if __name__ == "__main__":
    sys.exit(main())
