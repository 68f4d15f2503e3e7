"""What a head and a record must be like, by the contract and by the session domain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from holdall.codecs.dictionaries import DICTIONARY, id_of
from holdall.contract import Address, Head
from holdall.errors import Damaged
from holdall.sessions.branches.origins import parse_origin
from holdall.sessions.names import MAIN, ORIGINALS, SESSION, TOOLS, branch_of, message_id, tool_run_id
from holdall.sessions.record import SessionRecord

__all__ = ["head_faults", "record_fault"]

_MOST_MARKS = 32


def head_faults(head: Head) -> Iterator[str]:
    """What is wrong with a head by itself."""
    name = head.partition
    if not 0 < head.changed <= head.version:
        yield f"{name}: its version is {head.version}, and the last change {head.changed}"
    for lane, run in head.lanes.items():
        if not 0 <= run.first <= run.stop:
            yield f"{name} {lane}: it runs from {run.first} to {run.stop}"
        if not 0 <= run.rewritten <= head.version:
            yield f"{name} {lane}: it was rewritten at version {run.rewritten}, after {head.version}"
    if len(head.marks) > _MOST_MARKS:
        yield f"{name}: it has {len(head.marks)} marks, over {_MOST_MARKS}"
    if name.startswith("session/") and not len(head.lanes.get(SESSION, ())):
        yield f"{name}: it has no session record"


def record_fault(head: Head, address: Address, data: bytes) -> str | None:
    """What is wrong with a decoded record; ``None`` when nothing is."""
    lane, position = address
    if lane == ORIGINALS:
        return None if _is_text(data) else "it is not UTF-8"
    if lane == DICTIONARY:
        return None if id_of(data).hex() in head.partition else "it is not the dictionary of that name"
    try:
        value: Any = msgspec.json.decode(data)
    except ValueError as error:
        return f"it is not JSON: {error}"
    if not head.partition.startswith("session/"):
        return None
    branch = branch_of(lane)
    if branch is not None and branch != MAIN and position == head.lanes[lane].first:
        return _origin_fault(branch, data)
    return _session_fault(head, value) if lane == SESSION else _id_fault(lane, branch, position, value)


def _id_fault(lane: str, branch: str | None, position: int, value: Any) -> str | None:
    if branch is None and lane != TOOLS:
        return None
    wanted = tool_run_id(position) if branch is None else message_id(position, branch)
    if not isinstance(value, dict):
        return "it is not a JSON object"
    found = cast("dict[str, Any]", value).get("id")
    return None if found == wanted else f"its id is {found!r}"


def _origin_fault(branch: str, data: bytes) -> str | None:
    try:
        origin = parse_origin(data, branch)
    except Damaged:
        return "it is not how a branch began"
    return None if origin.branch == branch else f"it is how the branch {origin.branch!r} began"


def _session_fault(head: Head, value: Any) -> str | None:
    try:
        record = msgspec.convert(value, SessionRecord)
    except msgspec.ValidationError as error:
        return f"it is no session record: {error}"
    named = head.partition.removeprefix("session/")
    return None if record.id == named else f"it is the record of session {record.id!r}"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
