"""From what is stored to what is seen: the seal checked against the head, the records decrypted."""

from __future__ import annotations

from holdall.contract import Address, Head, ISessionStorage, Snapshot, Span
from holdall.errors import CodecError, Conflict
from holdall.sealing.keys import DataKey, key_id_of
from holdall.sealing.names import OWN_LANES, REWRITTEN, SEAL
from holdall.sealing.seal import Floor, Floors, Seal, floors_in, opened
from holdall.sealing.vault import Vault
from holdall.sealing.writing import Known
from holdall.sessions.names import SHREDDING

__all__ = ["examined", "sealed_at_all", "seen", "unopened"]

_SEAL = (SEAL, 0)


def sealed_at_all(head: Head) -> bool:
    """Whether a partition is encrypted."""
    return SEAL in head.lanes


async def examined(
    snapshot: Snapshot, last: Known | None, vault: Vault, storage: ISessionStorage, *, plain: bool
) -> Known:
    """What a snapshot, which has the seal, says of its partition; ``last`` is what was known of it.

    Raises ``CodecError`` for one that cannot be trusted or, unless ``plain``, is not encrypted; ``Conflict`` when it
    went meanwhile.
    """
    head, record = snapshot.head, snapshot.records.get(_SEAL)
    if not sealed_at_all(head):
        if not plain:
            raise CodecError(head.partition, "it is plaintext, and encryption is on")
        return Known(head, None, Seal())
    if record is None:
        raise CodecError(head.partition, "its seal is missing")
    key_id = key_id_of(record)
    same = last is not None and last.key is not None and last.key.id == key_id
    key = last.key if same and last is not None else None
    key = key or await vault.find(head.partition, key_id)
    seal = opened(key, record, head)
    if seal.plain and not plain:
        raise CodecError(head.partition, "it was not encrypted to its end, and plaintext is refused")
    older: tuple[Floor, ...] = ()
    if seal.spilled:
        have = last.seal.spilled if same and last is not None and last.seal.spilled <= seal.spilled else 0
        older = last.older if have and last is not None else ()
        older += await _spilled(head.partition, key, range(have, seal.spilled), storage)
    return Known(head, key, seal, older)


async def _spilled(name: str, key: DataKey, positions: range, storage: ISessionStorage) -> tuple[Floor, ...]:
    """The floors that earlier seals had no room for."""
    if not positions:
        return ()
    found = await storage.load(name, Span(REWRITTEN, positions.start, positions.stop))
    floors: list[Floor] = []
    for position in positions:
        at = (REWRITTEN, position)
        if found is None or at not in found.records:
            raise Conflict(name, expected=positions.stop, found=0)
        floors += floors_in(key.decrypt(at, found.records[at])[1])
    return tuple(floors)


def unopened(snapshot: Snapshot) -> Snapshot:
    """A head that nothing was read with, and so not checked."""
    return Snapshot(_head(snapshot.head, set(OWN_LANES)))


def seen(snapshot: Snapshot, known: Known) -> Snapshot | None:
    """What users of the storage see of a snapshot; ``None`` when all of it is going."""
    head, key, seal = known.head, known.key, known.seal
    if key is None:
        return snapshot
    unseen = {*OWN_LANES, *seal.going}
    shown = _head(head, unseen)
    if seal.doomed and not shown.lanes:
        return None
    floors = Floors((*known.older, *seal.floors)) if seal.floors or known.older else None
    records: dict[Address, bytes] = {}
    for at, record in snapshot.records.items():
        if at[0] in unseen:
            continue
        if seal.plain and not key_id_of(record):
            records[at] = record
            continue
        version, records[at] = key.decrypt(at, record)
        if floors is not None:
            floors.check(head.partition, at, version)
    return Snapshot(shown, records)


def _head(head: Head, unseen: set[str]) -> Head:
    lanes = {name: lane for name, lane in head.lanes.items() if name not in unseen}
    marks = head.marks
    if SHREDDING in marks:
        marks = {name: score for name, score in marks.items() if name != SHREDDING}
    return Head(head.partition, head.version, head.changed, head.expires_at, lanes, marks)
