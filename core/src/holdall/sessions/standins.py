"""What stands in for an imported record that was redacted or purged, so that the next import knows it and keeps it out.

It says nothing of what the record said, nor any digest of that: only what the message that is left shows, too, and of a
piece of a document a digest of what its program calls it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from holdall.contract import Lane, Span
from holdall.errors import Conflict
from holdall.sessions.engine import Engine
from holdall.sessions.names import ORIGINALS, hashed
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message

__all__ = ["ITEM", "Records", "StandIn", "base_of", "digest_of", "parse", "records_of"]

ITEM = "holdall-item"
"""The type of a record that is a piece of a document; see ``holdall.formats.pieces``."""
_PAGE = 200


class StandIn(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="holdall-redacted"):
    """Stands at the place of an original."""

    role: str
    created_at: int
    """In milliseconds: when the message was said, or imported."""
    item: str | None = None
    """The digest of the name of the piece that it was."""
    nodes: Mapping[str, str] = {}
    """Messages of the piece that were redacted, by the digest of their nodes."""


class Records(msgspec.Struct, frozen=True):
    """The imported records that a message is in, by position: those that are there, and what stands in for others."""

    lane: Lane
    originals: Mapping[int, bytes] = {}
    gone: Mapping[int, StandIn] = {}
    item: str | None = None
    node: str | None = None

    def check(self, state: State) -> None:
        """Raise ``Conflict`` unless there are still just these."""
        here, seen = state.head.lanes.get(ORIGINALS, NO_LANE), self.lane
        grown = here.stop != seen.stop and self.item is not None  # it may be another record of the piece
        if grown or (here.first, here.rewritten) != (seen.first, seen.rewritten):
            raise Conflict("what was imported", expected=seen.rewritten, found=here.rewritten)

    def replace(self, step: SessionStep, oldest: Message) -> None:
        """Let others stand in for them; ``oldest``: the first version of the message."""
        named = {} if self.node is None else {self.node: oldest.id}
        stand_in = _encode(StandIn(oldest.role, oldest.created_at, self.item, named))
        for place, original in self.originals.items():
            step.rewrite(ORIGINALS, place, stand_in)
            step.size = max(step.size + len(stand_in) - len(original), 0)
        for place, before in self.gone.items() if named else ():
            after = _encode(msgspec.structs.replace(before, nodes={**before.nodes, **named}))
            step.rewrite(ORIGINALS, place, after)
            step.size += len(after) - len(_encode(before))


_START = b'{"type":"holdall-redacted",'
_decode = msgspec.json.Decoder(StandIn).decode
_encode = msgspec.json.Encoder().encode


def parse(record: bytes) -> StandIn | None:
    """What stands in for a record, if ``record`` is that."""
    if not record.startswith(_START):
        return None
    try:
        return _decode(record)
    except msgspec.DecodeError:
        return None  # a transcript may have a line that begins so


def digest_of(node: str) -> str:
    """What is remembered of a node's name."""
    return hashed("node", node)


def base_of(node: str) -> str:
    """The piece that a node was made from, where that made several: the others are called by it and a number."""
    base, plus, number = node.rpartition("+")
    return base if plus and number.isdecimal() else node


async def records_of(engine: Engine, session: str, state: State, versions: Sequence[Message], check: Check) -> Records:
    """The records that a message is in: those that it names, and every one of the piece that it was made from."""
    lane = state.head.lanes.get(ORIGINALS, NO_LANE)
    asked = {version.get("original") for version in versions}
    named = [Span(ORIGINALS, at, at + 1) for at in sorted(at for at in asked if type(at) is int and at >= 0)]
    view = await engine.view(session, *named, check=check)
    records = {at: record for (of, at), record in view.records.items() if of == ORIGINALS}
    for node in [node for one in versions if isinstance(node := one.metadata.get("node"), str)][:1]:
        for name in dict.fromkeys((node, base_of(node))):
            pieces = await _pieces(engine, session, lane, name, check)
            if pieces:
                return _sorted(lane, records | pieces, digest_of(name), digest_of(node))
    return _sorted(lane, records, None, None)


async def _pieces(engine: Engine, session: str, lane: Lane, name: str, check: Check) -> dict[int, bytes]:
    """Every record of the piece that is called ``name``, and what stands in for one."""
    digest = digest_of(name)
    begins = tuple(
        f'{{"type":"{ITEM}","node":{json.dumps(name, ensure_ascii=plain)},'.encode("utf-8", "replace")
        for plain in (False, True)
    )
    found: dict[int, bytes] = {}
    for start in range(lane.first, lane.stop, _PAGE):
        span = Span(ORIGINALS, start, min(start + _PAGE, lane.stop))
        for at, record in enumerate((await engine.view(session, span, check=check)).run(span), start):
            stand_in = parse(record)
            if record.startswith(begins) or (stand_in is not None and stand_in.item == digest):
                found[at] = record
    return found


def _sorted(lane: Lane, found: Mapping[int, bytes], item: str | None, node: str | None) -> Records:
    gone = {at: stand_in for at, record in found.items() if (stand_in := parse(record)) is not None}
    return Records(lane, {at: record for at, record in found.items() if record and at not in gone}, gone, item, node)
