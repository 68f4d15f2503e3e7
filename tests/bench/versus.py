"""Holdall's file backend beside the stores that people use today: P1 to P5, in turn, on the same disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.bench.meeting import FILE
from tests.bench.peers.process import missing
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.stores import folder_in

Meeting = Callable[[Path, Plan], Coroutine[Any, Any, list[Row]]]


def beside(meeting: Meeting) -> Callable[[str, Plan], list[Row]]:
    """A workload of one meeting, with stores of its own."""

    def run(_backend: str, plan: Plan) -> list[Row]:
        if why := missing():
            return [skipped("versus", FILE, meeting.__name__, why, "missing")]
        with folder_in(plan.folder) as folder:
            return asyncio.run(meeting(folder, plan))

    return run
