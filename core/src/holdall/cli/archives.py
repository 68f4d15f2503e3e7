"""What ``backup``, ``restore`` and ``verify`` say of an archive, and of a storage that holds the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.running import say
from holdall.cli.tables import counted

if TYPE_CHECKING:
    from holdall.transfer.archive.lines import Counts
    from holdall.transfer.verifying import Verified

__all__ = ["report", "summary"]


def summary(counts: Counts | Verified) -> str:
    """How much there is of everything."""
    return (
        f"{counted(counts.partitions, 'partition')}, {counts.sessions:,} of them sessions;"
        f" {counted(counts.records, 'record')}, {counts.bytes:,} bytes"
    )


def report(counts: Counts, told: str, *, lacks: str, as_json: Mapping[str, Any] | None) -> int:
    """Print ``as_json``, if that was asked for; else what an archive ``lacks``, then what is ``told``. The exit code."""
    if as_json is not None:
        print(json.dumps(as_json, indent=2))
    else:
        for left in counts.left_out:
            say(f"{lacks}: {left}")
        print(told)
    return PROBLEMS if counts.left_out else OK
