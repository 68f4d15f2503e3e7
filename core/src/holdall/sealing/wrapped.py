"""Wrapped data keys, as they are stored: one record, by itself in a partition, readable but for the key."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from holdall.contract import Commit, Head, ISessionStorage, Lane, Snapshot, Span
from holdall.errors import CodecError, HoldallError, StorageUnavailable
from holdall.sealing.keys import commitment
from holdall.sealing.names import KEY, MADE

if TYPE_CHECKING:
    from holdall.hooks import KeySource

__all__ = ["KEY_SPAN", "Wrapped", "asked", "stored"]

T = TypeVar("T")
KEY_SPAN = Span(KEY, 0, 1)


class Wrapped(msgspec.Struct, frozen=True):
    """A data key, wrapped by a key of the key source."""

    partition: str
    """Whose key it is."""
    cipher: int
    """The tag of the cipher that it is for."""
    id: str
    """What records say of it; made of the key itself, so that no other key fits."""
    by: str
    """The id of the key that wraps it."""
    wrapped: bytes
    format: int = 1

    @classmethod
    async def of(cls, key: bytes, partition: str, cipher: int, source: KeySource) -> Wrapped:
        """``key``, wrapped by what is the source's current key."""
        by, wrapped = await asked(source.wrap(key))
        return cls(partition, cipher, commitment(key), by, wrapped)

    @classmethod
    def read(cls, snapshot: Snapshot) -> Wrapped:
        """The key that is stored in a partition; raises ``CodecError``."""
        name = snapshot.head.partition
        try:
            found = _decode(snapshot.records[KEY, 0])
        except (KeyError, ValueError) as error:
            raise CodecError(name, f"it holds no data key: {error}") from None
        if found.format != 1:
            raise CodecError(name, f"its format is {found.format}, and this version reads 1")
        return found

    async def unwrapped(self, source: KeySource) -> bytes:
        """The data key; raises ``CodecError`` when it is not the one that records know by this id (SEC-CRY-04)."""
        key = await asked(source.unwrap(self.by, self.wrapped))
        if not hmac.compare_digest(commitment(key), self.id):
            raise CodecError(f"the data key of {self.partition}", "it is another than its records were written with")
        return key

    async def rewrapped(self, source: KeySource) -> Wrapped:
        """The same key, wrapped by what is the source's current key."""
        return await Wrapped.of(await self.unwrapped(source), self.partition, self.cipher, source)

    def commit(self, name: str, head: Head | None, now: int, *, new: bool = True) -> Commit:
        """The step that stores it as ``name``, in place of what is there; ``new`` unless that is the same key."""
        before = 0 if head is None else head.version
        version = max(before + 1, now)
        lanes: dict[str, Lane | None] = {KEY: Lane(0, 1, version)}
        marks: dict[str, int | None] = {MADE: now} if new else {}
        return Commit(name, before, version, version, lanes, marks, write={(KEY, 0): msgspec.json.encode(self)})


_decode = msgspec.json.Decoder(Wrapped).decode


async def asked(answer: Awaitable[T]) -> T:
    """What a key source answers; raises ``StorageUnavailable`` when it fails, without what it says (SEC-CRY-06)."""
    try:
        return await answer
    except HoldallError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin's
        raise StorageUnavailable(f"the key source failed: {type(error).__name__}") from None


async def stored(storage: ISessionStorage, name: str) -> tuple[Head, Wrapped] | None:
    """The wrapped key in the partition ``name``, if there is one; raises ``CodecError``."""
    found = await storage.load(name, KEY_SPAN)
    return None if found is None else (found.head, Wrapped.read(found))
