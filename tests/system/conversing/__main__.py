"""``python -m tests.system.conversing --rounds 10 --how server|worker --workers 1|2 [--seed N]``."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.system.conversing.running import one_round


def main(arguments: list[str]) -> int:
    """0: nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.conversing", description=__doc__)
    parser.add_argument("--backend", default="file")
    parser.add_argument("--how", choices=("server", "worker"), default="server")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}")
    bad, kinds = 0, Counter[str]()
    for number in range(asked.rounds):
        with tempfile.TemporaryDirectory() as folder:
            seed = asked.seed + number
            how = {"workers": asked.workers, "seconds": asked.seconds}
            found = one_round(Path(folder), asked.backend, asked.how, seed=seed, **how)
        kinds += found.kinds
        bad += bool(found.faults)
        print(
            f"{asked.backend} {asked.how} {number}: {found.acknowledged} acknowledged in {found.sessions} sessions, "
            f"{found.kills} kills, {found.undecided} undecided, {found.happened} of them happened, "
            f"{found.repeated} repeated, {found.certain} purged: {'; '.join(found.faults) or 'well'}",
            flush=True,
        )
    print(", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())))
    print(f"{asked.rounds - bad} of {asked.rounds} rounds well")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
