"""Dictionaries in the store: kept through the contract, so on any storage, and in every backup and copy of it.

Each has two partitions of its own, named by its id: a bit that flips in one costs nothing. A third partition says in
which order they came to be used. That is written last, so that no record needs a dictionary that is not stored yet.
None is ever removed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from holdall.clock import Clock
from holdall.codecs.dictionaries import DICTIONARY, INDEX, id_of
from holdall.codecs.envelope import Envelope
from holdall.codecs.pipeline import Codec
from holdall.contract import Address, Commit, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.errors import CodecError, Conflict, Damaged, PluginError

__all__ = [
    "LOST",
    "KnowingStorage",
    "content_of",
    "copy_of",
    "dictionary_partitions",
    "entries",
    "is_dictionary",
    "keep",
]

LOST = b'{"id":"","compressor":0,"since":0}'
"""What takes the place of an entry that is lost."""
_NO_LANE = Lane()
log = logging.getLogger("holdall.codecs")


class Entry(msgspec.Struct, frozen=True):
    """A dictionary that is used since a time, in microseconds."""

    id: str
    compressor: int
    since: int


def dictionary_partitions(dictionary: bytes) -> tuple[str, str]:
    """Where the dictionary with this id is kept, twice."""
    return f"{DICTIONARY}/{dictionary.hex()}/1", f"{DICTIONARY}/{dictionary.hex()}/2"


def is_dictionary(partition: str) -> bool:
    """Whether a partition holds a dictionary, or says which are used."""
    return partition == INDEX or partition.startswith(f"{DICTIONARY}/")


class KnowingStorage(ISessionStorage):
    """A storage that reads the dictionaries of what it loads, so that ``codec`` can decode it at once."""

    def __init__(self, storage: ISessionStorage, codec: Codec, *, uses: bool) -> None:
        """``uses``: dictionaries are for writing too."""
        self._storage = storage
        self._codec = codec
        self._uses = uses
        self._told: set[str] = set()
        # Nothing is added to these, so nothing stands in their way.
        self.commit, self.drop, self.health, self.close = storage.commit, storage.drop, storage.health, storage.close
        self.faults, self.repair, self.purge = storage.faults, storage.repair, storage.purge

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """What the storage has, and its dictionaries."""
        snapshot = await self._storage.load(partition, *spans)
        if snapshot is not None and snapshot.records:
            await self._know((snapshot,))
        return snapshot

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """What the storage has, and its dictionaries."""
        found = await self._storage.scan(scan)
        if scan.spans:
            await self._know(found)
        return found

    async def commit(self, commit: Commit) -> None:
        """The storage's."""
        await self._storage.commit(commit)

    async def drop(self, partition: str, *, expect: int) -> None:
        """The storage's."""
        await self._storage.drop(partition, expect=expect)

    async def refresh(self) -> None:
        """Compress with the dictionary that the store says is the newest one."""
        tag = self._codec.compressor
        if not tag or not self._uses:
            return
        try:
            used = [entry for entry in await entries(self._storage, self._codec) if entry.compressor == tag]
            newest = bytes.fromhex(used[-1].id) if used else b""
            if newest == self._codec.dictionaries.current:
                return
            if await self._learn(newest):
                self._codec.dictionaries.use(tag, newest, self._codec.compressor_of(tag, INDEX))
        except (Damaged, PluginError):
            log.exception("the list of dictionaries cannot be read: what is written is compressed without the newest")

    async def _know(self, snapshots: Sequence[Snapshot]) -> None:
        for dictionary in self._codec.dictionaries.missing(snapshots):
            await self._learn(dictionary)

    async def _learn(self, dictionary: bytes) -> bool:
        """Read a dictionary from where it is whole. If it is nowhere, decoding tells which records need it."""
        for partition in dictionary_partitions(dictionary):
            try:
                snapshot = await self._storage.load(partition, Span(DICTIONARY, -1))
                if snapshot is not None:
                    self._codec.dictionaries.add(content_of(snapshot, self._codec, dictionary))
                    return True
            except Damaged as damage:
                if partition not in self._told:
                    self._told.add(partition)
                    log.error("a copy of a dictionary is lost: %s", damage)  # noqa: TRY400 - it says which and why
        return False


def content_of(snapshot: Snapshot, codec: Codec, dictionary: bytes) -> bytes:
    """The dictionary in a partition; raises ``Damaged`` unless it is the one with this id."""
    partition, address = snapshot.head.partition, (DICTIONARY, 0)
    if address not in snapshot.records:
        raise Damaged(partition, "it is empty")
    content = codec.decode(partition, address, snapshot.records[address])
    if id_of(content) != dictionary:
        raise CodecError(partition, "its content is that of another dictionary")
    return content


async def entries(storage: ISessionStorage, codec: Codec) -> list[Entry]:
    """Which dictionaries were used, in their order; raises ``Damaged`` when that cannot be read."""
    snapshot = await storage.load(INDEX, Span(INDEX))
    if snapshot is None:
        return []
    try:
        records = [codec.decode(INDEX, address, record) for address, record in sorted(snapshot.records.items())]
        found = [msgspec.json.decode(record, type=Entry) for record in records]
    except (ValueError, msgspec.DecodeError) as error:
        raise Damaged(INDEX, f"an entry is none: {error}") from error
    return [entry for entry in found if entry.compressor]


async def keep(storage: ISessionStorage, codec: Codec, clock: Clock, dictionary: bytes) -> bytes:
    """Store a dictionary for the compressor that ``codec`` writes with, to be used from now on; returns its id.

    Killed at any point, it leaves what can be done again, or nothing that anybody would look at.
    """
    name = id_of(dictionary)
    for partition in dictionary_partitions(name):
        if await storage.load(partition) is None:
            try:
                await storage.commit(copy_of(partition, 0, clock.now(), dictionary))
            except Conflict:  # somebody else stored the same
                continue
    while True:
        snapshot = await storage.load(INDEX)
        expect, lane = (0, _NO_LANE) if snapshot is None else (snapshot.head.version, snapshot.head.lanes[INDEX])
        now = clock.now()
        version, address = max(now, expect + 1), (INDEX, lane.stop)
        entry = msgspec.json.encode(Entry(name.hex(), codec.compressor, now))
        write = {address: codec.encode(INDEX, address, version, entry)}
        grown = {INDEX: Lane(lane.first, lane.stop + 1, lane.rewritten or version)}
        try:
            await storage.commit(Commit(INDEX, expect, version, version, grown, write=write))
        except Conflict:
            continue
        return name


def copy_of(partition: str, expect: int, version: int, content: bytes) -> Commit:
    """What stores a dictionary in one of its partitions. In an envelope, for storages keep those in binary."""
    address = (DICTIONARY, 0)
    lanes: dict[str, Lane | None] = {DICTIONARY: Lane(0, 1, version)}
    write: dict[Address, bytes] = {address: Envelope().pack(content)}
    return Commit(partition, expect, version, version, lanes, write=write)
