"""Sessions: their life, their conversation and their tool runs, on top of the contract alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.sessions import (
        appending,
        branches,
        creating,
        edits,
        events,
        lifecycle,
        listing,
        live,
        parts,
        purging,
        redaction,
        search,
        selection,
        sweeping,
        threads,
        toolruns,
        totals,
    )

__all__ = [
    "appending",
    "branches",
    "creating",
    "edits",
    "events",
    "lifecycle",
    "listing",
    "live",
    "parts",
    "purging",
    "redaction",
    "search",
    "selection",
    "sweeping",
    "threads",
    "toolruns",
    "totals",
]


def __getattr__(name: str) -> Any:
    """What a process that only reads a conversation does without is imported when it is used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return import_module(f"{__name__}.{name}")
