"""Which terms a segment surely has not: so that a rare one is not looked for in every segment.

A Bloom filter: two bits for each term, of eight that there are. One in twenty terms is looked up in vain.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

__all__ = ["filter_of", "may_have"]

_BITS = 8
_ODD = 0x9E3779B1
_WORD = (1 << 32) - 1


def filter_of(terms: Iterable[str], count: int) -> bytes:
    """The filter of ``count`` terms."""
    size = max(count * _BITS // 8, 1)
    found, bits = bytearray(size), size * 8
    for term in terms:
        first, second = _places(term, bits)
        found[first >> 3] |= 1 << (first & 7)
        found[second >> 3] |= 1 << (second & 7)
    return bytes(found)


def may_have(filter_: bytes, term: str) -> bool:
    """Whether ``term`` may be one of those that the filter was made of; of these, it says so of each."""
    first, second = _places(term, len(filter_) * 8)
    return bool(filter_[first >> 3] >> (first & 7) & 1 and filter_[second >> 3] >> (second & 7) & 1)


def _places(term: str, bits: int) -> tuple[int, int]:
    """Two of ``bits`` places, the same in every process."""
    number = crc32(term.encode("utf-8", "surrogatepass"))
    return number % bits, (number * _ODD & _WORD) % bits
