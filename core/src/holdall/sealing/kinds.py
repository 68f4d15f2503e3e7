"""What a plugin's cipher is like."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Cipher", "KeyedCipher"]


class KeyedCipher(Protocol):
    """Authenticated encryption under one key. Any thread may use it."""

    def encrypt(self, data: bytes, context: bytes) -> bytes:
        """The ciphertext of ``data``, which ``context`` is bound to but not stored in; another each time."""
        ...

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        """What was encrypted; raises ``ValueError`` unless it is just that, with the same ``context``."""
        ...


class Cipher(Protocol):
    """A cipher as configured, without a key yet. Data keys are made, wrapped and kept by the core."""

    writes: int
    """How many records one key may encrypt at the most."""

    def keyed(self, key: bytes) -> KeyedCipher:
        """The cipher under a ``key`` of 32 bytes, which never leaves it: not in a ``repr``, an error or a log."""
        ...
