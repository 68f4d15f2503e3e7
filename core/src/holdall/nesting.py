"""Storages inside another: what an adapter needs of those that its options name, of the type ``StorageRef``."""

from __future__ import annotations

from holdall.contract import Abilities, ISessionStorage
from holdall.opening import open_storage, options_of
from holdall.plugins import Plugins
from holdall.settings import StorageRef

__all__ = ["open_nested", "promises"]


async def open_nested(ref: StorageRef) -> ISessionStorage:
    """Open the storage that ``ref`` names, behind the coroutine verbs; whoever opens it closes it.

    It is an installed plugin's. Raises what opening it raises, ``SettingsError`` and ``PluginError`` among it.
    """
    return await open_storage(ref, Plugins(), where="")


def promises(ref: StorageRef) -> Abilities:
    """What the storage that ``ref`` names promises as it is configured. Nothing is opened."""
    offer = Plugins().storage(ref.use)
    return offer.promises(options_of(offer, ref.options))
