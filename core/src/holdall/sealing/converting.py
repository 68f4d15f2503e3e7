"""Encrypting a partition that is plaintext, piece by piece, while others may write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from holdall.contract import Address, Commit, Head, ISessionStorage, Lane, Scan, Span
from holdall.errors import Conflict
from holdall.sealing.keys import key_id_of
from holdall.sealing.names import OWN_LANES, SEAL_SPAN
from holdall.sealing.reading import examined
from holdall.sealing.seal import Seal
from holdall.sealing.vault import Vault
from holdall.sealing.walking import walk
from holdall.sealing.writing import encrypted

__all__ = ["convert", "convert_all"]

_PIECE = 8 << 20
"""Bytes after which a piece is stored: until the last of them some records are plaintext, and the seal says so."""
_WINDOW = 100


async def convert(storage: ISessionStorage, vault: Vault, partition: str) -> bool:
    """Encrypt every record of a partition, from where an earlier call was stopped; whether any was plaintext."""
    changed = False
    while True:
        snapshot = await storage.load(partition, SEAL_SPAN)
        if snapshot is None:
            return changed
        known = await examined(snapshot, None, vault, storage, plain=True)
        if known.key is not None and not known.seal.plain:
            return changed
        changed = True
        key, found = (known.key, None) if known.key is not None else await vault.new(partition)
        try:
            async for piece, last in _pieces(storage, known.head):
                seal = Seal(known.seal.writes, known.seal.spilled, known.seal.floors, plain=not last)
                stored, known = encrypted(_commit(known.head, piece), known, key, seal)
                await storage.commit(stored)
        except Conflict:  # somebody wrote: look again; what was encrypted is skipped then
            continue
        finally:
            if found is not None:
                await vault.vouch(partition, found)


async def convert_all(
    storage: ISessionStorage, vault: Vault, progress: Callable[[int, str], None] = lambda _done, _name: None
) -> tuple[int, int]:
    """Encrypt whatever is plaintext in ``storage``: how many partitions there are, and how many had some."""
    done, changed = 0, 0
    after: tuple[int, str] | None = None
    while found := await walk(storage, Scan(after=after)):
        for snapshot in found:
            after = (0, snapshot.head.partition)
            changed += await convert(storage, vault, snapshot.head.partition)
            done += 1
            progress(done, snapshot.head.partition)
    return done, changed


async def _pieces(storage: ISessionStorage, head: Head) -> AsyncIterator[tuple[dict[Address, bytes], bool]]:
    """The records that are plaintext, in pieces, and whether it is the last."""
    piece: dict[Address, bytes] = {}
    weight = 0
    for name, lane in head.lanes.items():
        for start in range(lane.first, lane.stop, _WINDOW) if name not in OWN_LANES else ():
            snapshot = await storage.load(head.partition, Span(name, start, min(start + _WINDOW, lane.stop)))
            for at, record in snapshot.records.items() if snapshot is not None else ():
                if not key_id_of(record):
                    piece[at] = record
                    weight += len(record)
            if weight >= _PIECE:
                yield piece, False
                piece, weight = {}, 0
    yield piece, True


def _commit(head: Head, piece: dict[Address, bytes]) -> Commit:
    version = head.version + 1
    lanes: dict[str, Lane | None] = {}
    for name, _ in piece:
        lane = head.lanes[name]
        lanes[name] = Lane(lane.first, lane.stop, version)
    return Commit(head.partition, head.version, version, head.changed, lanes, expires_at=head.expires_at, write=piece)
