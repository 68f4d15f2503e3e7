"""Sessions spread over several storages: each partition is in the one that its name chooses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer, hookimpl
from holdall.nesting import open_nested, promises
from holdall.settings import StorageRef
from holdall_shard.layout import find_all, settle
from holdall_shard.storage import ShardSessionStorage

__all__ = ["ShardSessionStorage", "ShardSettings", "holdall_storages"]

Name = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,40}$")]


class ShardSettings(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """``[storage.options]`` of ``shard``."""

    members: Annotated[dict[Name, StorageRef], Field(min_length=1, max_length=64)]
    """The storages, by names that stay: a partition is placed by them, and by nothing else of a member."""


async def _open(settings: ShardSettings) -> ShardSessionStorage:
    storage = ShardSessionStorage({})
    try:
        for name, ref in settings.members.items():
            storage.members[name] = await open_nested(ref)
        lasting = [name for name, ref in settings.members.items() if promises(ref).durability is not Durability.NONE]
        await find_all({name: storage.members[name] for name in lasting}, sorted(storage.members))
        for name, member in storage.members.items():
            await settle(name, member, sorted(storage.members))
    except BaseException:
        await storage.close()
        raise
    return storage


def _weakest(settings: ShardSettings) -> Abilities:
    """What every member promises."""
    each = [promises(ref) for ref in settings.members.values()]
    return Abilities(min(one.durability for one in each), shared=all(one.shared for one in each))


def _sandbox(folder: Path) -> Mapping[str, Any]:
    """Two folders of files."""
    return {"members": {name: {"use": "file", "options": {"path": str(folder / name)}} for name in ("one", "two")}}


@hookimpl
def holdall_storages() -> list[StorageOffer[ShardSettings]]:
    """Register ``shard``."""
    return [
        StorageOffer(
            name="shard",
            summary="over several storages, each session in one of them",
            settings=ShardSettings,
            open=_open,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=_sandbox,
            configured=_weakest,
            contract=1,
        )
    ]
