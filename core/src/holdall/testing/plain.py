"""Snapshots as plain values: what tests and tools compare and print."""

from __future__ import annotations

from typing import Any

from holdall.contract import Snapshot

__all__ = ["plain"]


def plain(snapshot: Snapshot | None) -> dict[str, Any] | None:
    """A snapshot as plain values that compare and print well, whatever mappings the storage uses."""
    if snapshot is None:
        return None
    head = snapshot.head
    for record in snapshot.records.values():
        assert type(record) is bytes, f"a record came back as {type(record).__name__}, not bytes"
    return {
        "partition": head.partition,
        "version": head.version,
        "changed": head.changed,
        "expires_at": head.expires_at,
        "lanes": dict(head.lanes),
        "marks": dict(head.marks),
        "records": dict(snapshot.records),
    }
