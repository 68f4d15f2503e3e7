"""Opens a storage the way the core does: found by name, its options checked, blocking ones on their thread."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from holdall.blocking import StorageThread, ThreadedStorage
from holdall.contract import BlockingSessionStorage, ISessionStorage
from holdall.hooks import StorageOffer
from holdall.plugins import Plugins

__all__ = ["Subject", "find", "open_storage"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Which plugin is under test; ``file`` is set when it is a single file instead of an installed one."""

    plugin: str
    file: str | None = None

    @property
    def offer(self) -> StorageOffer[Any]:
        """What the plugin registers."""
        return find(self.plugin, self.file)


@cache
def find(plugin: str, file: str | None) -> StorageOffer[Any]:
    """The offer named ``plugin``, of an installed plugin or of the plugin file ``file``."""
    plugins = Plugins()
    if file is not None:
        plugins.load_file(Path(file))
    return plugins.storage(plugin)


async def open_storage(offer: StorageOffer[Any], options: Mapping[str, Any]) -> ISessionStorage:
    """Open a storage; whatever the offer hands back, what is returned has coroutine verbs."""
    settings = offer.settings.model_validate(dict(options))
    thread = StorageThread(f"holdall-{offer.name}")
    try:
        opened = await thread.run(lambda: offer.open(settings))
        storage = await opened if isinstance(opened, Coroutine) else opened
    except BaseException:
        await thread.stop()
        raise
    if isinstance(storage, BlockingSessionStorage):
        return ThreadedStorage(storage, thread)
    await thread.stop()
    return storage
