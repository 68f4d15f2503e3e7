"""Whether the large parts of a session are what their hashes say."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from holdall.codecs import Codec
from holdall.contract import Head, Snapshot, Span
from holdall.errors import Conflict
from holdall.sessions.names import PARTS
from holdall.sessions.parts.index import Index, chunk_of
from holdall.transfer.windows import Loading, stands

__all__ = ["part_faults"]


async def part_faults(storage: Loading, codec: Codec, head: Head) -> AsyncIterator[str]:
    """What is wrong with large parts, a line each; raises ``Conflict`` when one that was there goes meanwhile."""
    if PARTS not in head.lanes:
        return
    index, lane = Index(head), head.lanes[PARTS]
    index.add(_decoded(await _read(storage, head, Span(PARTS, lane.first, lane.stop)), codec))
    for entry in index:
        pieces = [chunk_of(record) or b"" for record in _decoded(await _read(storage, head, entry.chunks()), codec)]
        if hashlib.sha256(b"".join(pieces)).hexdigest() != entry.hash:
            yield f"{head.partition}: the large part {entry.hash} is not what its hash says"


async def _read(storage: Loading, head: Head, span: Span) -> Snapshot:
    snapshot = await storage.load(head.partition, span)
    if snapshot is None or not stands(head, snapshot.head, span):
        raise Conflict(head.partition, expected=head.version, found=0 if snapshot is None else snapshot.head.version)
    return snapshot


def _decoded(snapshot: Snapshot, codec: Codec) -> list[bytes]:
    records = sorted(snapshot.records.items())
    return [codec.decode(snapshot.head.partition, address, record) for address, record in records]
