"""In which documents of a segment a term is, and how often, as bytes.

A segment has at most 65,536 documents, by number. What is looked up becomes a set of numbers in one integer, a bit for
each: the best that Python has for "and" and "or".
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

__all__ = ["MOST", "SPARSE", "bits_of", "decoded", "descending", "encoded", "often_in"]

MOST = 1 << 16
"""Documents in a segment."""
_DENSE, _OFTEN = 1, 2
SPARSE = b"\0"
"""What stands before plain numbers."""
_SPARSEST = 16
"""A term is kept as bits when it is in one of so many documents."""
_FEW = 16
"""So many numbers are found one by one."""
_BITS = [[bit for bit in range(7, -1, -1) if byte >> bit & 1] for byte in range(256)]


def encoded(documents: Sequence[int], often: Sequence[tuple[int, int]], most: int) -> bytes:
    """Ascending numbers below ``most``, and of those where the term is more than once, how often: 255 at the most."""
    dense = len(documents) * _SPARSEST > most
    body = _as_bytes(documents, most) if dense else array("H", documents).tobytes()
    if not often:
        return bytes((_DENSE if dense else 0,)) + body
    head = array("H", [len(often), *(document for document, _ in often)]).tobytes()
    counts = bytes(min(count, 255) for _, count in often)
    return bytes(((_DENSE if dense else 0) | _OFTEN,)) + head + counts + body


def _as_bytes(documents: Sequence[int], most: int) -> bytes:
    found = bytearray((most + 7) // 8)
    for document in documents:
        found[document >> 3] |= 1 << (document & 7)
    return bytes(found)


def _body(data: bytes) -> memoryview:
    if not data[0] & _OFTEN:
        return memoryview(data)[1:]
    return memoryview(data)[3 + 3 * int.from_bytes(data[1:3], _ORDER) :]


def bits_of(data: bytes, most: int) -> int:
    """The documents as an integer."""
    body = _body(data)
    if not data[0] & _DENSE:
        numbers = array("H")
        numbers.frombytes(body)
        body = memoryview(_as_bytes(numbers, most))
    return int.from_bytes(body, "little")


def decoded(data: bytes) -> Sequence[int]:
    """The documents, ascending."""
    body = _body(data)
    if data[0] & _DENSE:
        return list(descending(int.from_bytes(body, "little")))[::-1]
    numbers = array("H")
    numbers.frombytes(body)
    return numbers


def often_in(data: bytes) -> dict[int, int]:
    """Where the term is more than once, and how often."""
    if not data[0] & _OFTEN:
        return {}
    length = int.from_bytes(data[1:3], _ORDER)
    numbers = array("H")
    numbers.frombytes(data[3 : 3 + 2 * length])
    return dict(zip(numbers, data[3 + 2 * length : 3 + 3 * length], strict=True))


def descending(bits: int) -> Iterator[int]:
    """The numbers in ``bits``, the greatest first."""
    if bits.bit_count() <= _FEW:
        while bits:
            number = bits.bit_length() - 1
            bits ^= 1 << number
            yield number
        return
    data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    for at in range(len(data) - 1, -1, -1):
        if data[at]:
            for bit in _BITS[data[at]]:
                yield (at << 3) + bit


_ORDER = "little" if array("H", [1]).tobytes()[0] else "big"
"""Of this machine: an index stays where it was made."""
