"""``python -m tests.system.damaged --sessions 10000 --backend file``: one in a hundred is damaged. Exit code 1: a miss."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.system.damaged.running import damaged

SOON = 5.0
"""Seconds within which the first undamaged session must be read."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.damaged", description=__doc__)
    parser.add_argument("--backend", default="file", choices=["file", "diskcache", "tinydb"])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = parser.parse_args()
    print("seed", args.seed)
    with tempfile.TemporaryDirectory() as name:
        hurt = max(args.sessions // 100, 1)
        run = damaged(Path(name), args.backend, sessions=args.sessions, hurt=hurt, seed=args.seed)
    for fault in run.faults:
        print(fault)
    print(
        f"{args.backend}: {run.hurt} of {run.sessions:,} sessions are damaged; another one is read"
        f" {run.answered:.2f} s after the start, a list {run.listed:.2f} s; {len(run.faults)} misses"
    )
    return 1 if run.faults or run.answered > SOON else 0


if __name__ == "__main__":
    sys.exit(main())
