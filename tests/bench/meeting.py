"""Meetings: Holdall and other stores called in blocks, in an order that changes, in one run."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path
from typing import Any

import holdall
from holdall import Store
from tests.bench.backends import settings
from tests.bench.peers.process import Peer
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import Operation, Series

FILE = "file"
ORDER = 1789
_BLOCK = 20
"""Calls in a row before it is another's turn: long enough for each to be at home in the caches."""

Asked = tuple[str, str, dict[str, Any]]
"""Under which name the times are kept, what is done, and its arguments."""


def opened(folder: Path, **options: str) -> contextlib.AbstractAsyncContextManager[Store]:
    asked = settings(FILE, folder)
    asked["storage"]["options"] |= options
    return holdall.open(asked)


async def blocks(ours: dict[str, Operation], peers: dict[Peer, list[Asked]], plan: Plan) -> dict[str, Series]:
    """Blocks of calls of everybody; the times of ours, while theirs are kept with the peer."""
    series = {name: Series() for name in ours}
    turns: list[tuple[str, Peer | None, dict[str, Any]]] = [(name, None, {}) for name in ours]
    turns += [(name, one, {"do": do, **what}) for one, wanted in peers.items() for name, do, what in wanted]
    order, stop = random.Random(ORDER), time.perf_counter() + plan.seconds
    for block in range(max(2, plan.count // _BLOCK)):
        order.shuffle(turns)
        for name, other, what in turns:
            if other is not None:
                other.measure(name, times=_BLOCK, **what)
                continue
            for turn in range(_BLOCK):
                await series[name].measure(ours[name], block * _BLOCK + turn)
        if block and time.perf_counter() > stop:
            break
    return series


def compared(case: str, own: Series, other: Peer, kind: str, goal: str) -> Row:
    """How many times faster than a peer."""
    theirs = other.series[kind]
    more = {**own.numbers(), other.name: theirs.numbers()}
    ratio = theirs.median / own.median
    return Row("versus", FILE, case, own.median, "µs", ratio, f"the speed of {other.name}", goal, more)
