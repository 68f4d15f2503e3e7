"""Loading one plugin in a process of its own, so that a broken one harms nobody and hides nothing."""

from __future__ import annotations

import subprocess
import sys

from holdall.errors import HoldallError

__all__ = ["probe"]

TIMEOUT = 60


def probe(name: str) -> str | None:
    """Why the plugin ``name`` cannot be used, in one line; ``None`` when it can."""
    command = [sys.executable, "-m", "holdall.cli.probing", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"did not load within {TIMEOUT} seconds"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"its process ended with {done.returncode}"


def _main(name: str) -> int:
    from holdall.checking import schema  # noqa: PLC0415 - in the child only
    from holdall.cli.offers import KINDS  # noqa: PLC0415 - in the child only
    from holdall.plugins import Plugins  # noqa: PLC0415

    plugins = Plugins()
    try:
        plugins.load(name)
        for offer in plugins.offers():
            schema(offer.settings)
            KINDS[type(offer)]
    except HoldallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
