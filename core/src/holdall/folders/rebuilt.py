"""A head that cannot be read any more, worked out again from what lies below it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from holdall.contract import Address, Head, Lane

__all__ = ["rebuilt_head"]


def rebuilt_head(partition: str, addresses: Iterable[Address], marks: Mapping[str, int] | None = None) -> Head:
    """The head of a partition whose records lie at ``addresses``: lanes are dense, so these tell them.

    Its version is the time in microseconds, as a new partition's, and so higher than any before. When it expires is
    not known; the core works that out again, and the marks that are missing.
    """
    version = time.time_ns() // 1000
    lanes: dict[str, Lane] = {}
    for lane, at in addresses:
        known = lanes.get(lane, Lane(at, at + 1))
        lanes[lane] = Lane(min(known.first, at), max(known.stop, at + 1), version)
    return Head(partition, version, version, None, lanes, dict(marks or {}))
