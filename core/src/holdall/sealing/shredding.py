"""Destroying a partition's key first, durably, and what it encrypted then (SEC-CRY-05).

Whatever is to go is named in the partition's seal, which by then is encrypted with the common key, and the partition
carries the mark ``shredding``. So a process that dies on the way leaves nothing that another cannot bring to its end.
"""

from __future__ import annotations

from contextlib import suppress

from holdall.contract import Commit, ISessionStorage
from holdall.errors import Conflict
from holdall.sealing.keys import DataKey
from holdall.sealing.names import SEAL
from holdall.sealing.seal import Seal
from holdall.sealing.vault import Vault
from holdall.sealing.writing import Known, encrypted, shredded
from holdall.sessions.names import SHREDDING

__all__ = ["finish", "mark_all"]


def mark_all(known: Known, common: DataKey) -> tuple[Commit, Known]:
    """The commit that says of a whole partition that it goes."""
    head = known.head
    commit = Commit(
        head.partition,
        head.version,
        head.version + 1,
        head.changed,
        marks={SHREDDING: 0},
        expires_at=head.expires_at,
    )
    return shredded(commit, known, common)


async def finish(storage: ISessionStorage, vault: Vault, known: Known) -> None:
    """Destroy the key, then remove what the seal says."""
    head, key, seal = known.head, known.key, known.seal
    if key is None or not seal.doomed:
        return
    await vault.destroy(head.partition, seal.doomed)
    with suppress(Conflict):  # another process was as fast
        if not head.lanes.keys() - {SEAL, *seal.going}:
            await storage.drop(head.partition, expect=head.version)
            return
        commit = Commit(
            head.partition,
            head.version,
            head.version + 1,
            head.changed,
            lanes=dict.fromkeys(seal.going),
            marks={SHREDDING: None},
            expires_at=head.expires_at,
        )
        await storage.commit(encrypted(commit, known, key, Seal(seal.writes, seal.spilled, seal.floors))[0])
