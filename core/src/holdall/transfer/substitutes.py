"""What takes the place of a record that cannot be read any more, so that those around it can."""

from __future__ import annotations

import msgspec

from holdall.codecs.dictionaries import INDEX
from holdall.codecs.knowing import LOST
from holdall.contract import Address, Head
from holdall.sessions.branches.origins import Origin, encoded
from holdall.sessions.names import (
    CHUNKS,
    KEYS,
    MAIN,
    ORIGINALS,
    PARTS,
    RECENT,
    SESSION,
    TOOLS,
    branch_of,
    is_of_branch,
    message_id,
    tool_run_id,
)
from holdall.sessions.parts.index import Note, noted
from holdall.sessions.record import SessionRecord, encode_record

__all__ = ["substitute"]

_LARGE = {
    CHUNKS: (b"null", "some of a large part, which messages refer to in vain now:"),
    PARTS: (noted(Note("", 0)), "where a large part is, or how often it is referred to:"),
}
_SAID = "[lost: this record was damaged in the storage]"


def substitute(  # noqa: PLR0911 - one for each lane
    head: Head, address: Address, now: int, owner: str, *, reply_to: str | None = None
) -> tuple[bytes, str] | None:
    """The record to put at ``address``, and what is lost; ``None``: without the record the partition is nothing.

    ``now`` is in milliseconds; ``owner`` is who gets a session that has lost its own record. A message that was
    in a thread stays there by ``reply_to``.
    """
    lane, at = address
    if lane == INDEX:
        return LOST, "which dictionary was used then; train another one"
    if not head.partition.startswith("session/"):
        return None
    if lane == SESSION:
        active = head.marks.get(RECENT, now * 1000) // 1000
        named = head.partition.removeprefix("session/")
        branches = sum(map(is_of_branch, head.lanes))
        record = SessionRecord(format=1, id=named, owner=owner, title=_SAID, created_at=active, branches=branches)
        return encode_record(record), f"the session's own record; its messages are kept, and {owner!r} owns it now"
    branch = branch_of(lane)
    if branch is not None and branch != MAIN and at == head.lanes[lane].first:
        origin = Origin(branch=branch, path=(), created_at=now, created_by=owner, title=_SAID)
        return encoded(origin), f"where the branch {branch!r} was made; only its own messages are shown in it now"
    if branch is not None:
        name = message_id(at, branch)
        said = {"id": name, "role": "system", "content": _SAID, "created_at": now}
        said |= {} if reply_to is None else {"reply_to": reply_to}
        return msgspec.json.encode(said), f"the message {name}; one that says so is in its place"
    if lane == TOOLS:
        run = {"id": tool_run_id(at), "tool": "lost", "status": "failed", "error": _SAID, "created_at": now}
        return msgspec.json.encode(run), f"the tool run {tool_run_id(at)}"
    if lane == ORIGINALS:
        return b"", f"the original of the imported record {at}"
    if lane == KEYS:
        none = {"key": f"lost-{at}", "print": "", "at": now, "messages": (0, 0), "tools": (0, 0)}
        return msgspec.json.encode(none), "an idempotency key; a repeat of its request would be stored again"
    record, lost = _LARGE.get(lane, (b"null", "the record"))
    return record, f"{lost} {lane}[{at}]"
