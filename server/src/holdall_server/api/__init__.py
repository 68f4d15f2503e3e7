"""The operations, by what they are about."""

from __future__ import annotations

from holdall_server.api import (
    branches,
    contexts,
    documents,
    edits,
    events,
    exports,
    health,
    lifecycle,
    messages,
    parts,
    redactions,
    search,
    sessions,
    threads,
    tools,
    totals,
)
from holdall_server.operations import Operation

__all__ = ["OPERATIONS"]

OPERATIONS: tuple[Operation, ...] = (
    *sessions.TABLE,
    *lifecycle.TABLE,
    *messages.TABLE,
    *edits.TABLE,
    *parts.TABLE,
    *redactions.TABLE,
    *branches.TABLE,
    *threads.TABLE,
    *totals.TABLE,
    *search.TABLE,
    *contexts.TABLE,
    *tools.TABLE,
    *events.TABLE,
    *exports.TABLE,
    *health.TABLE,
    *documents.TABLE,
)
