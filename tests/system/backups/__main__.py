"""``python -m tests.system.backups --backend file --runs 20 --kills 50``: the long form. Exit code 1: a fault."""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

from tests.system.backups.killing import kill_restores
from tests.system.backups.running import backup_under_writers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.backups", description=__doc__)
    parser.add_argument("--backend", default="file", choices=["file", "diskcache"])
    parser.add_argument("--runs", type=int, default=20, help="backups under four writers (default: 20)")
    parser.add_argument("--kills", type=int, default=50, help="restores that are killed (default: 50)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = parser.parse_args()
    print("seed", args.seed)
    faults: list[str] = []
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(args.runs):
            folder = Path(name) / str(number)
            folder.mkdir()
            run = backup_under_writers(folder, args.backend)
            faults += run.faults
            ratios.append(run.during / run.outside)
            print(
                f"run {number}: {run.sessions} sessions, {run.grown} went on meanwhile, {run.messages} messages,"
                f" {len(run.faults)} faults; p99 of a step {run.during * 1000:.1f} ms during the backup,"
                f" {run.outside * 1000:.1f} ms before and after",
                flush=True,
            )
        if args.runs:
            print(f"p99 during to outside: median {statistics.median(ratios):.2f}, most {max(ratios):.2f}")
        if args.runs and args.kills:
            folder = Path(name) / "0"
            found, refused = kill_restores(
                folder, folder / "archive.jsonl", folder / "store.toml", args.kills, random.Random(args.seed)
            )
            faults += found
            print(f"{args.kills} kills: {refused} stores were refused until the restore was run again")
    for fault in faults:
        print(fault)
    print("FAULTS" if faults else "no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
