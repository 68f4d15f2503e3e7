"""Commits and walks as the parameters of their statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from holdall.contract import Commit, Scan, Span

__all__ = ["parameters_of", "parameters_of_spans", "parameters_of_walk"]

_LAST = 2**62


def parameters_of(commit: Commit) -> dict[str, Any]:
    """What ``CREATE`` and ``MOVE`` are given."""
    kept = [(name, lane) for name, lane in commit.lanes.items() if lane is not None]
    gone = [name.encode() for name, lane in commit.lanes.items() if lane is None]
    erase = [(span.lane.encode(), span.start, _LAST if span.stop is None else span.stop) for span in commit.erase]
    erase += [(lane, -_LAST, _LAST) for lane in gone]
    marks = [(name.encode(), score) for name, score in commit.marks.items() if score is not None]
    write = [(lane.encode(), position, crc32(data), data) for (lane, position), data in commit.write.items()]
    return {
        "partition": commit.partition.encode(),
        "expect": commit.expect,
        "version": commit.version,
        "changed": commit.changed,
        "expires_at": commit.expires_at,
        "gone": gone,
        "erase_lane": [one[0] for one in erase],
        "erase_start": [one[1] for one in erase],
        "erase_stop": [one[2] for one in erase],
        "lane": [name.encode() for name, _ in kept],
        "first": [lane.first for _, lane in kept],
        "stop": [lane.stop for _, lane in kept],
        "rewritten": [lane.rewritten for _, lane in kept],
        "unmark": [name.encode() for name, score in commit.marks.items() if score is None],
        "mark": [name for name, _ in marks],
        "score": [score for _, score in marks],
        "write_lane": [one[0] for one in write],
        "position": [one[1] for one in write],
        "crc": [one[2] for one in write],
        "data": [one[3] for one in write],
    }


def parameters_of_spans(spans: Sequence[Span]) -> dict[str, Any]:
    """The spans that a reading statement joins with."""
    return {
        "span_lane": [span.lane.encode() for span in spans],
        "start": [span.start for span in spans],
        "stop": [span.stop for span in spans],
    }


def parameters_of_walk(scan: Scan) -> dict[str, Any]:
    """Where a walk begins, and how far it goes."""
    score, behind = (0, None) if scan.after is None else (scan.after[0], scan.after[1].encode())
    walk = None if scan.mark is None else scan.mark.encode()
    return {"walk": walk, "score": score, "behind": behind, "limit": max(scan.limit, 0)}
