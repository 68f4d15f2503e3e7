"""Offers to be registered."""

from __future__ import annotations

from holdall import StorageOffer
from holdall_memory import holdall_storages

MEMORY = holdall_storages()[0]


def offer(**changes):
    """The memory backend's, with some fields changed."""
    values = {name: getattr(MEMORY, name) for name in StorageOffer.__dataclass_fields__}
    return StorageOffer(**{**values, **changes})
