"""Conversations that are compacted, and stores that do it."""

from __future__ import annotations

from typing import Any

import holdall
from holdall.testing.clock import ManualClock
from support.stores import user

__all__ = ["ALL", "call", "ids", "result", "turns", "with_compactors"]

ALL = ("elision", "summary", "window")
"""Every compactor."""


def with_compactors(storage_options: dict[str, Any], clock: ManualClock) -> Any:
    """A store with every compactor, to be opened."""
    config = {
        "storage": storage_options,
        "sessions": {"sweep_every": 0},
        "compaction": {"use": list(ALL), "budget": 300},
    }
    return holdall.open(config, clock=clock)


def call(*names):
    return {
        "role": "assistant",
        "content": [{"type": "tool_call", "id": name, "name": "run", "arguments": {}} for name in names],
    }


def result(name, words=60):
    return {"role": "tool", "content": [{"type": "tool_result", "id": name, "content": "out " * words}]}


def turns(count, start=0):
    for number in range(start, start + count):
        yield from (user(f"Question {number} is about the cache."), call(f"c{number}"), result(f"c{number}"))
        yield {"role": "assistant", "content": f"Answer {number} is that the cache keeps pages."}


def ids(context):
    return [message.id for message in context.messages]
