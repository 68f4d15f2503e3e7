"""Counts what happens to sessions, by kind: for a line in a log, or for a dashboard."""

from collections import Counter

from holdall import Event, hookimpl

COUNTS: Counter[str] = Counter()


@hookimpl
def holdall_observe(event: Event) -> None:
    COUNTS[event.kind] += 1
