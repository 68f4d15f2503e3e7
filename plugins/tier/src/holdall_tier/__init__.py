"""Sessions in a durable storage, read from a fast one in front of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from holdall.contract import Abilities, Durability
from holdall.errors import SettingsError
from holdall.hooks import StorageOffer, hookimpl
from holdall.nesting import open_nested, promises
from holdall.settings import StorageRef
from holdall_tier.front import Front
from holdall_tier.storage import TierSessionStorage

__all__ = ["TierSessionStorage", "TierSettings", "holdall_storages"]


class TierSettings(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """``[storage.options]`` of ``tier``."""

    front: StorageRef = Field(default_factory=lambda: StorageRef("memory"))
    """The fast one, memory by default. It is emptied when the store is opened, and no other process may have it open."""
    back: StorageRef
    """The durable one: all that is promised is its promise."""
    max_bytes: Annotated[int, Field(ge=0)] = 256 << 20
    """Bytes of records that the front keeps, about; those used least recently go first."""
    largest: Annotated[int, Field(ge=0)] = 1000
    """Partitions with more records than this are read from the back alone."""


def _front(settings: TierSettings) -> Abilities:
    """What the front promises; raises ``SettingsError`` for one that other processes may have open."""
    front = promises(settings.front)
    if front.shared:
        raise SettingsError(f"tier: the front {settings.front.use!r} may be opened by others, who would fill it, too")
    return front


def _abilities(settings: TierSettings) -> Abilities:
    """The back's; shared only if each process has a front of its own."""
    front, back = _front(settings), promises(settings.back)
    return Abilities(back.durability, shared=back.shared and front.durability is Durability.NONE)


async def _open(settings: TierSettings) -> TierSessionStorage:
    _front(settings)
    back = await open_nested(settings.back)
    try:
        front = Front(await open_nested(settings.front), settings.max_bytes, settings.largest)
        try:
            await front.clear()
        except BaseException:
            await front.close()
            raise
    except BaseException:
        await back.close()
        raise
    return TierSessionStorage(front, back, alone=not promises(settings.back).shared)


def _sandbox(folder: Path) -> Mapping[str, Any]:
    """In front of files."""
    return {"back": {"use": "file", "options": {"path": str(folder / "back")}}}


@hookimpl
def holdall_storages() -> list[StorageOffer[TierSettings]]:
    """Register ``tier``."""
    return [
        StorageOffer(
            name="tier",
            summary="a fast storage in front of a durable one",
            settings=TierSettings,
            open=_open,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=_sandbox,
            configured=_abilities,
            contract=1,
        )
    ]
