"""When a store refuses a step: find the record at fault, keep as much of it as possible, and say what was lost."""

from __future__ import annotations

import re

from holdall.errors import Invalid
from holdall.formats.records import Entry, Fault
from holdall.transfer.batches import Built
from holdall.transfer.matching import omitted

__all__ = ["lessen", "mend"]

_POINTER = re.compile(r"/(messages|tools|originals)/(\d+)")


def mend(built: Built, refused: Invalid) -> Fault | None:
    """Take out of its entry what ``refused`` points to; ``None`` when it points to nothing that can be."""
    match = _POINTER.match(refused.pointer)
    if match is None:
        return None
    lane, index = match[1], int(match[2])
    reason = refused.reason
    if lane == "messages" and index < len(built.messages):
        entry = built.messages[index]
        entry.message = None
        return entry.fault(f"makes no message: {reason}")
    if lane == "tools" and index < len(built.tools):
        entry, run = built.tools[index]
        entry.runs.remove(run)
        return entry.fault(f"its call of {run.fields.get('tool')!r} was not logged: {reason}")
    if lane == "originals" and index < len(built.originals):
        entry = built.originals[index]
        entry.original = omitted(entry.original or "")
        return entry.fault(f"its original was not kept: {reason}")
    return None


def lessen(entry: Entry, refused: Invalid) -> Fault | None:
    """Make an entry smaller that is refused as a whole; ``None`` when that is no use, or nothing is left to take."""
    if refused.code == "too-large" and not refused.pointer:  # the session is full
        return None
    short = None if entry.original is None else omitted(entry.original)
    if entry.original is not None and short is not None and len(short) < len(entry.original):
        entry.original = short
        return entry.fault(f"its original was not kept: {refused.reason}")
    if entry.message is not None:
        entry.message, entry.runs = None, []
        return entry.fault(f"makes no message: {refused.reason}")
    return None
