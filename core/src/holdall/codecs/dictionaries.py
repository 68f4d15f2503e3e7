"""The dictionaries that this process has read from its store, and the one that it compresses with."""

from __future__ import annotations

from collections.abc import Iterable

from holdall.codecs.envelope import DICTIONARY_ID, dictionary_in
from holdall.codecs.kinds import Compressor, Learning
from holdall.contract import Snapshot
from holdall.digests import sha256
from holdall.errors import CodecError

__all__ = ["DICTIONARIES", "DICTIONARY", "INDEX", "Dictionaries", "id_of"]

DICTIONARY, INDEX = "dictionary", "dictionaries"
"""The lane with a dictionary, which also begins the name of its partitions; the partition and the lane of their order."""
DICTIONARIES = frozenset((DICTIONARY, INDEX))
"""Lanes that are never compressed, whoever writes them: who would read a dictionary that needs itself?"""
_WITH_DICTIONARY = b"\x02"
_Bound = tuple[int, bytes]


def id_of(dictionary: bytes) -> bytes:
    """What names a dictionary: it follows from its content, so that no two are ever taken for each other."""
    return sha256(dictionary).digest()[:DICTIONARY_ID]


class Dictionaries:
    """Knows dictionaries by their ids, and compressors that use them. It does no I/O."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._bound: dict[_Bound, Compressor] = {}
        self._writer: tuple[int, Compressor | None, bytes] = (0, None, b"")

    @property
    def current(self) -> bytes:
        """The id of the one that is compressed with, or nothing."""
        return self._writer[2]

    def writer(self, tag: int) -> tuple[Compressor | None, bytes]:
        """The compressor to write with in place of the one with ``tag``, and the id of its dictionary, if there is one."""
        used, compressor, dictionary = self._writer
        return (compressor, dictionary) if used == tag else (None, b"")

    def reader(self, tag: int, dictionary: bytes) -> Compressor | None:
        """The compressor with ``tag`` that knows ``dictionary``, if it was bound before."""
        return self._bound.get((tag, dictionary))

    def bind(self, tag: int, dictionary: bytes, compressor: Compressor, name: str) -> Compressor:
        """``compressor`` with ``dictionary``, for the record ``name``; raises ``CodecError`` where there is none."""
        content = self._known.get(dictionary)
        if content is None:
            raise CodecError(name, f"it needs dictionary {dictionary.hex()}, which was not read from this store")
        if not isinstance(compressor, Learning):
            raise CodecError(name, f"it needs a dictionary, which compressor {tag} does not take")
        bound = self._bound[tag, dictionary] = compressor.knowing(content)
        return bound

    def add(self, dictionary: bytes) -> None:
        """Know one more."""
        self._known[id_of(dictionary)] = dictionary

    def use(self, tag: int, dictionary: bytes, compressor: Compressor) -> None:
        """Compress with a known one from now on."""
        bound = self.reader(tag, dictionary) or self.bind(tag, dictionary, compressor, "what is written")
        self._writer = (tag, bound, dictionary)

    def missing(self, snapshots: Iterable[Snapshot]) -> set[bytes]:
        """The ids of those that records of ``snapshots`` need and that are not known."""
        needed = {
            dictionary_in(record)
            for snapshot in snapshots
            for record in snapshot.records.values()
            if record[:1] == _WITH_DICTIONARY
        }
        return needed - self._known.keys()
