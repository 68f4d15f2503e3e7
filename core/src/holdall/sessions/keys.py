"""Idempotency keys: records of their own lane, in the same commit as what they stand for."""

# Annotations are objects here, not text: each text would be compiled whenever a process starts.

from collections import deque
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import final

import msgspec

from holdall.digests import sha256
from holdall.errors import Invalid, KeyReused
from holdall.sessions.names import MAIN, checked_text

__all__ = ["Key", "KeyMap", "checked_key", "fingerprint", "key_record", "without_print"]


_LONGEST = 200


def checked_key(key: str, what: str, pointer: str = "") -> str:
    """``key``, if it can be one; ``what`` it is, for the error."""
    if not 0 < len(checked_text(key, what, pointer)) <= _LONGEST:
        raise Invalid(f"{what} has 1 to {_LONGEST} characters", pointer=pointer)
    return key


@final
class Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """One remembered request. ``messages`` and ``tools`` are (first, stop) positions of what it stored."""

    key: str
    print: str
    """Tells the request from others; empty once a message of it is purged, for a guess could be checked by it."""
    at: int
    messages: tuple[int, int]
    tools: tuple[int, int]
    branch: str = MAIN
    """Where the messages are."""


_decode = msgspec.json.Decoder(Key).decode
_encode = msgspec.json.encode


class KeyMap:
    """The keys of one session, as their lane holds them from ``first`` to ``stop``."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._keys: deque[Key] = deque()
        self._by_name: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def stop(self) -> int:
        """The position that the next key gets."""
        return self.first + len(self._keys)

    def add(self, records: Iterable[bytes]) -> None:
        """Learn the ``records`` at the end of the lane."""
        for record in records:
            key = _decode(record)
            self._keys.append(key)
            self._by_name[key.key] = key

    def find(self, key: str, print_: str, oldest: int) -> Key | None:
        """The request that came with ``key`` not before ``oldest``; raises ``KeyReused`` if it was another one."""
        found = self._by_name.get(_digest(key))
        if found is None or found.at < oldest:
            return None
        if found.print not in (print_, ""):
            raise KeyReused(key)
        return found

    def stale(self, oldest: int, most: int = 64) -> int:
        """The position that the lane may be trimmed to: up to ``most`` keys from before ``oldest`` can go."""
        return self.first + sum(1 for _ in takewhile(lambda key: key.at < oldest, islice(self._keys, most)))

    def trim(self, first: int) -> None:
        """Forget the keys before ``first``."""
        while self.first < first and self._keys:
            key = self._keys.popleft()
            self.first += 1
            if self._by_name.get(key.key) is key:
                del self._by_name[key.key]
        self.first = max(self.first, first)


def key_record(  # noqa: PLR0913, PLR0917 - its fields
    key: str, print_: str, at: int, messages: tuple[int, int], tools: tuple[int, int], branch: str = MAIN
) -> bytes:
    """What is stored for a request; the key itself is not, only its hash."""
    return _encode(Key(_digest(key), print_, at, messages, tools, branch))


def without_print(record: bytes, branch: str, position: int) -> bytes | None:
    """What is left of a key whose request brought a message that is purged; ``None`` for all others."""
    key = _decode(record)
    if not key.print or key.branch != branch or not key.messages[0] <= position < key.messages[1]:
        return None
    return _encode(msgspec.structs.replace(key, print=""))


def fingerprint(*parts: bytes) -> str:
    """A short hash that tells one request from another."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]
