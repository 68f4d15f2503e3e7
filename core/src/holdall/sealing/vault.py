"""The data keys of a store: made, found, kept at hand for a while, and destroyed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdall.caching import Cache, LeastRecentlyUsed
from holdall.clock import Clock
from holdall.contract import ISessionStorage
from holdall.errors import CodecError, Conflict
from holdall.sealing.keys import DataKey, derived
from holdall.sealing.kinds import Cipher
from holdall.sealing.names import STORE, key_partition, shared
from holdall.sealing.wrapped import Wrapped, stored

if TYPE_CHECKING:
    from holdall.hooks import KeySource

__all__ = ["KEY_SIZE", "Vault"]

KEY_SIZE = 32
_MOST_BYTES, _WEIGHT = 16 << 20, 800
"""Bytes of memory that keys at hand may take, and what one takes."""


class Vault:
    """Knows the key of each partition. Nothing of a key is in its ``repr``, its errors or a log (SEC-CRY-06)."""

    def __init__(
        self, storage: ISessionStorage, ciphers: Mapping[int, Cipher], source: KeySource, clock: Clock, tag: int
    ) -> None:
        """``ciphers`` by their tags; ``tag`` is that of the one for new keys, 0 where none are made."""
        self.storage = storage
        self.source = source
        self.tag = tag
        self._ciphers = ciphers
        self._clock = clock
        self._store: tuple[int, bytes] = (0, b"")
        self._keys: Cache[DataKey] = Cache(LeastRecentlyUsed(), _MOST_BYTES)

    async def open(self, *, begin: bool) -> bool:
        """Have the store's own key at hand, made now where there is none and ``begin``; whether there is one now.

        Raises ``CodecError`` when the key source does not have the key that it is wrapped by.
        """
        while True:
            found = await stored(self.storage, STORE)
            if found is not None:
                self._store = found[1].cipher, await found[1].unwrapped(self.source)
                return True
            if not begin:
                return False
            try:
                await self._make(STORE, STORE)
            except Conflict:  # another process was first
                continue

    def common(self, partition: str) -> DataKey:
        """The key of a partition that has none of its own, or has it no more."""
        tag, key = self._store
        return self._keyed(partition, tag, derived(key, partition))

    async def find(self, partition: str, key_id: str) -> DataKey:
        """The key that a partition was written with; raises ``CodecError`` when it is not there."""
        known = self._keys.get(partition)
        if known is not None and known.id == key_id:
            return known
        common = self.common(partition)
        if common.id == key_id:
            return self._keep(common)
        found = await stored(self.storage, key_partition(partition))
        if found is None:
            raise CodecError(partition, "its data key is not there: it was destroyed, or lost")
        wrapped = found[1]
        if wrapped.id != key_id:
            raise CodecError(partition, f"it needs the data key {key_id!r}, and {wrapped.id!r} is stored")
        return self._keep(self._keyed(partition, wrapped.cipher, await wrapped.unwrapped(self.source)))

    async def new(self, partition: str) -> tuple[DataKey, Wrapped | None]:
        """The key for a partition that is about to begin, which is stored, and how; ``None``: it has none of its own.

        Whoever began and ended the same partition meanwhile has destroyed it, so it takes ``vouch`` afterwards.
        """
        if shared(partition):
            return self._keep(self.common(partition)), None
        name = key_partition(partition)
        while True:
            try:
                key, wrapped = await self._make(partition, name)
                return self._keep(key), wrapped
            except Conflict:
                found = await stored(self.storage, name)
            if found is not None:
                wrapped = found[1]
                key = self._keyed(partition, wrapped.cipher, await wrapped.unwrapped(self.source))
                return self._keep(key), wrapped

    async def vouch(self, partition: str, wrapped: Wrapped) -> None:
        """Make sure that the key with which a partition now begins is stored, if it must be by storing it again."""
        name = key_partition(partition)
        while True:
            found = await stored(self.storage, name)
            if found is not None and found[1].id == wrapped.id:
                return
            try:
                await self.storage.commit(wrapped.commit(name, found and found[0], self._clock.now()))
            except Conflict:
                continue

    async def destroy(self, partition: str, key_id: str | None = None) -> None:
        """Remove the data key of a partition for good, if it is that with ``key_id``: what it wrote is lost."""
        self._keys.drop(partition)
        name = key_partition(partition)
        while True:
            found = await stored(self.storage, name)
            if found is None or (key_id is not None and found[1].id != key_id):
                return
            try:
                await self.storage.drop(name, expect=found[0].version)
            except Conflict:  # it was wrapped anew
                continue

    async def _make(self, partition: str, name: str) -> tuple[DataKey, Wrapped]:
        key = secrets.token_bytes(KEY_SIZE)
        wrapped = await Wrapped.of(key, partition, self.tag, self.source)
        await self.storage.commit(wrapped.commit(name, None, self._clock.now()))
        return self._keyed(partition, self.tag, key), wrapped

    def _keyed(self, partition: str, tag: int, key: bytes) -> DataKey:
        cipher = self._ciphers.get(tag)
        if cipher is None:
            raise CodecError(partition, f"it needs cipher {tag}, which is not configured")
        return DataKey(partition, tag, cipher, key)

    def _keep(self, key: DataKey) -> DataKey:
        self._keys.put(key.partition, key, _WEIGHT)
        return key
