"""What encryption calls its own partitions and lanes in a storage."""

from __future__ import annotations

from holdall.contract import Span
from holdall.sessions.names import hashed

__all__ = [
    "KEY",
    "KEYS",
    "MADE",
    "OWN_LANES",
    "REWRITTEN",
    "SEAL",
    "SEAL_SPAN",
    "STORE",
    "hidden",
    "key_partition",
    "shared",
]

STORE = "encryption"
"""The partition whose presence says that a storage is encrypted; it has the key of what is not a session."""
KEYS = "datakey/"
KEY = "key"
"""The lane of a wrapped data key, of one record."""
MADE = "made"
"""The mark of a data key: when it was stored (µs). Wrapping it anew leaves it, so what is new since a moment is found."""
SEAL, REWRITTEN = "seal", "seal/rewritten"
"""Lanes of every encrypted partition: what vouches for its head, and what older seals knew of overwritten records."""
OWN_LANES = (SEAL, REWRITTEN)
SEAL_SPAN = Span(SEAL, 0, 1)
_SHARED = ("claim/", "create/", "presence/", "dictionary/", "dictionaries")


def hidden(partition: str) -> bool:
    """Whether a partition is encryption's own."""
    return partition == STORE or partition.startswith(KEYS)


def key_partition(partition: str) -> str:
    """Where the data key of ``partition`` is kept, by itself, so that dropping it destroys the key."""
    return hashed(KEYS.rstrip("/"), partition)


def shared(partition: str) -> bool:
    """Whether a partition, which nobody deletes for what it says, has a key made of the store's."""
    return partition.startswith(_SHARED)
