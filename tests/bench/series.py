"""Measuring operations in turn, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Operation = Callable[[int], Awaitable[object]]
LEAST = 3


class Series:
    """The wall time and the process's CPU time of each call of one operation, in nanoseconds."""

    def __init__(self) -> None:
        self.wall: list[int] = []
        self.cpu: list[int] = []

    async def measure(self, operation: Operation, turn: int) -> None:
        """Call the operation once."""
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        await operation(turn)
        self.wall.append(time.perf_counter_ns() - wall)
        self.cpu.append(time.process_time_ns() - cpu)

    @property
    def median(self) -> float:
        """The median wall time, in microseconds."""
        return statistics.median(self.wall) / 1e3

    @property
    def cpu_mean(self) -> float:
        """The mean CPU time, in microseconds."""
        return statistics.fmean(self.cpu) / 1e3

    @property
    def cpu_median(self) -> float:
        """The median CPU time, in microseconds."""
        return statistics.median(self.cpu) / 1e3

    def numbers(self, *, samples: bool = True) -> dict[str, Any]:
        """Medians and tails in microseconds, and every sample."""
        found: dict[str, Any] = {
            "n": len(self.wall),
            "p50_us": round(self.median, 2),
            "p99_us": round(quantile(self.wall, 0.99) / 1e3, 2),
            "cpu_us": round(self.cpu_mean, 2),
        }
        if samples:
            found["samples_us"] = [round(wall / 1e3, 1) for wall in self.wall]
        return found


def flatness(own: Series, base: Series) -> tuple[float, str]:
    """How much dearer ``own`` is than ``base``; and the same in CPU time, which a busy machine disturbs less."""
    return own.median / base.median, f"{own.cpu_mean / base.cpu_mean:.2f} x its CPU"


def quantile(values: list[int], share: float) -> int:
    """The value that ``share`` of all values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def in_turn(operations: Mapping[str, Operation], count: int, seconds: float) -> dict[str, Series]:
    """Call every operation ``count`` times, or for ``seconds``, in an order that changes from turn to turn.

    Otherwise one of them would always run on the caches that a sync leaves cold.
    """
    series = {name: Series() for name in operations}
    names, order = list(operations), random.Random(len(operations))
    for name in names:
        await operations[name](0)
    stop = time.perf_counter() + seconds
    for turn in range(1, count + 1):
        order.shuffle(names)
        for name in names:
            await series[name].measure(operations[name], turn)
        if turn >= LEAST and time.perf_counter() > stop:
            break
    return series
