"""Putting right what a repair below has left: heads that are no longer those that were sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdall.contract import Commit, ISessionStorage, Lane, Scan, Snapshot
from holdall.errors import CodecError
from holdall.sealing.keys import key_id_of
from holdall.sealing.names import REWRITTEN, SEAL, SEAL_SPAN
from holdall.sealing.reading import examined, sealed_at_all
from holdall.sealing.seal import BrokenSeal, Seal
from holdall.sealing.vault import Vault
from holdall.sealing.walking import walk
from holdall.sealing.writing import Known, encrypted

__all__ = ["mend"]

_SPARE = 1 << 20
"""Records that a key is taken to have encrypted beside those that are there: the seal that knew is not believed."""


async def mend(storage: ISessionStorage, vault: Vault, *, apply: bool) -> AsyncIterator[str]:
    """Find partitions whose seal does not vouch for their head; with ``apply``, seal what is there."""
    after: tuple[int, str] | None = None
    while found := await walk(storage, Scan(after=after)):
        after = (0, found[-1].head.partition)
        for head in [each.head for each in found if sealed_at_all(each.head)]:
            snapshot = await storage.load(head.partition, SEAL_SPAN)
            if snapshot is None or await _vouched(snapshot, vault, storage):
                continue
            if apply:
                await _seal(snapshot, vault, storage)
            yield f"{head.partition}: its seal; it may have been more, or newer, than what is there"


async def _vouched(snapshot: Snapshot, vault: Vault, storage: ISessionStorage) -> bool:
    try:
        await examined(snapshot, None, vault, storage, plain=True)
    except BrokenSeal:
        return False
    except CodecError:  # of the key, or of a record: nothing that a new seal would put right
        return True
    return True


async def _seal(snapshot: Snapshot, vault: Vault, storage: ISessionStorage) -> None:
    """Vouch for the head as it is. Records are still bound to their places, but older ones are not known as such."""
    head = snapshot.head
    key = await vault.find(head.partition, key_id_of(snapshot.records[SEAL, 0]))
    spilled = head.lanes.get(REWRITTEN, Lane()).stop
    writes = _SPARE + sum(lane.stop for lane in head.lanes.values())
    commit = Commit(head.partition, head.version, head.version + 1, head.changed, expires_at=head.expires_at)
    stored, _ = encrypted(commit, Known(head, key, Seal()), key, Seal(writes, spilled))
    await storage.commit(stored)
