"""What a plugin's compressor is like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

__all__ = ["Compressor", "Learning"]


class Compressor(Protocol):
    """Makes bytes smaller, and back."""

    def compress(self, data: bytes) -> bytes:
        """``data``, smaller."""
        ...

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again; raises ``CodecError`` before holding more than ``limit`` of them."""
        ...


@runtime_checkable
class Learning(Protocol):
    """A compressor that does better with a dictionary, which it makes from records of the store."""

    def learn(self, samples: Sequence[bytes]) -> bytes:
        """A dictionary for data like ``samples``, at most 1 MiB; raises ``ValueError`` when they are too few."""
        ...

    def knowing(self, dictionary: bytes) -> Compressor:
        """A compressor that uses ``dictionary`` both ways; raises ``CodecError`` when that is none of its own."""
        ...
