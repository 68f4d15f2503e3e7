"""Loading one plugin in a process of its own, so that a broken one harms nobody and hides nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.errors import HoldallError

__all__ = ["Probed", "probe"]

TIMEOUT = 60
_TOLD = "holdall.cli.probing: "
"""Before the line that counts, among whatever a plugin prints."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a plugin says of itself, or why it cannot be used."""

    error: str | None
    offers: Sequence[Mapping[str, Any]] = ()
    hooks: Sequence[str] = ()
    """The hooks that it implements."""


def probe(name: str) -> Probed:
    """Load the plugin ``name``, and let it tell what it offers."""
    command = [sys.executable, "-m", "holdall.cli.probing", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Probed(f"did not load within {TIMEOUT} seconds")
    told = [line for line in done.stdout.splitlines() if line.startswith(_TOLD)]
    if done.returncode == 0:
        if not told:
            return Probed("it ended the process that loaded it")
        return Probed(None, **json.loads(told[-1].removeprefix(_TOLD)))
    lines = done.stderr.strip().splitlines()
    return Probed(lines[-1] if lines else f"its process ended with {done.returncode}")


def _main(name: str) -> int:
    from holdall.cli.offers import FINDERS, told_of  # noqa: PLC0415 - in the child only
    from holdall.plugins import Plugins  # noqa: PLC0415

    plugins = Plugins()
    try:
        plugins.load(name)
        offers = [told_of(getattr(plugins, FINDERS[type(offer)])(offer.name)) for offer in plugins.offers()]
        implemented = {hook.name for plugin in plugins.manager.get_plugins() for hook in _hooks(plugins, plugin)}
    except HoldallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(f"\n{_TOLD}{json.dumps({'offers': offers, 'hooks': sorted(implemented)})}")
    return 0


def _hooks(plugins: Any, plugin: object) -> Sequence[Any]:
    return plugins.manager.get_hookcallers(plugin) or ()


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
