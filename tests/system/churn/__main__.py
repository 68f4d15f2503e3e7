"""``python -m tests.system.churn --minutes 10 --backend file``: does what a store takes stay bounded? Exit code 1: no."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.system.churn.running import churn
from tests.system.churn.sampling import Sample, verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.churn", description=__doc__)
    parser.add_argument("--backend", default="file", choices=["file", "diskcache", "tinydb", "memory"])
    parser.add_argument("--minutes", type=float, default=10.0, help="of real time (default: 10)")
    parser.add_argument("--hours", type=int, default=0, help="of the injected clock, in place of minutes")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--hoard", action="store_true", help="the negative control: nothing is ever dropped")
    args = parser.parse_args()
    print("seed", args.seed)
    with tempfile.TemporaryDirectory() as name:
        long = {"hours": args.hours} if args.hours else {"seconds": args.minutes * 60}
        run = churn(Path(name), args.backend, **long, seed=args.seed, hoarding=args.hoard)
        samples, life = asyncio.run(run)
    for number, one in enumerate(samples):
        if number % 9 == 0 or number == len(samples) - 1:
            print(_line(one))
    grown = verdict(samples)
    print(f"{args.backend}: {life.steps:,} rounds of writes; " + ("; ".join(grown) if grown else "bounded"))
    return 1 if grown else 0


def _line(one: Sample) -> str:
    return (
        f"disk {one.disk / 1e6:8.2f} MB in {one.files:5} files, memory {one.rss / 1e6:7.1f} MB,"
        f" {one.fds} descriptors, {one.threads} threads"
    )


if __name__ == "__main__":
    sys.exit(main())
