"""Arithmetic of the lane ``places``: linear hashing, a table that grows by one record at a time.

With N records, a message's entry is in the record that its digest modulo a power of two names: the next one above N,
where that is in the table, else the one below. When a record is full, the next one is begun, and takes its share of one.
So neither looking up nor adding depends on how many entries there are, and the lane's head tells N.
"""

from __future__ import annotations

import zlib

from holdall.sessions.names import MAIN, message_id, message_place

__all__ = ["FULL", "Key", "id_of", "image", "key_of", "slot"]

Key = int | str
"""A message: its position in ``main``, or the id of one of another branch."""
FULL = 32
"""How many entries a record has before another is begun."""


def key_of(message: str) -> Key:
    """What stands for the message of that id."""
    branch, position = message_place(message)
    return position if branch == MAIN else message


def id_of(key: Key) -> str:
    """The message's id."""
    return message_id(key) if isinstance(key, int) else key


def slot(key: Key, size: int) -> int:
    """Which of ``size`` records has the entry of a message."""
    digest, below = zlib.crc32(str(key).encode()), 1 << (size.bit_length() - 1)
    found = digest & (2 * below - 1)
    return found if found < size else digest & (below - 1)


def image(size: int) -> int:
    """The one of ``size`` records whose share the next one takes."""
    return size - (1 << (size.bit_length() - 1))
