"""Opens a storage the way the core does: found by name, its options checked, blocking ones on their thread."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from holdall.blocking import StorageThread, ThreadedStorage
from holdall.contract import Abilities, BlockingSessionStorage, ISessionStorage
from holdall.errors import PluginError
from holdall.hooks import StorageOffer
from holdall.opening import options_of
from holdall.plugins import Plugins

__all__ = ["Opened", "Subject", "find", "open_storage", "subject_of"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Which plugin is under test; ``file`` is set when it is a single file instead of an installed one."""

    plugin: str
    file: str | None = None

    @property
    def offer(self) -> StorageOffer[Any]:
        """What the plugin registers."""
        return find(self.plugin, self.file)

    def promises(self, options: Mapping[str, Any]) -> Abilities:
        """What the storage claims with these options."""
        offer = self.offer
        return offer.promises(options_of(offer, options))


@dataclass(frozen=True, slots=True)
class Opened:
    """An open storage; a blocking one also bare, with the thread that its calls must come from."""

    storage: ISessionStorage
    blocking: BlockingSessionStorage | None
    thread: StorageThread


@cache
def find(plugin: str, file: str | None) -> StorageOffer[Any]:
    """The offer named ``plugin``, of an installed plugin or of the plugin file ``file``."""
    plugins = Plugins()
    if file is not None:
        plugins.load_file(Path(file))
    return plugins.storage(plugin)


def subject_of(plugin: str, file: str | Path | None = None) -> Subject:
    """What ``plugin`` means: an installed one, one that ``file`` offers, or the only one of the file it is a path of."""
    if file is not None:
        return Subject(plugin, str(Path(file).resolve()))
    if not plugin.endswith(".py"):
        return Subject(plugin)
    plugins = Plugins()
    plugins.load_file(Path(plugin))
    names = [offer.name for offer in plugins.offers() if isinstance(offer, StorageOffer)]
    if len(names) != 1:
        raise PluginError(f"{plugin} offers {', '.join(names) or 'no storage'}; say which one is meant")
    return Subject(names[0], str(Path(plugin).resolve()))


async def open_storage(subject: Subject, options: Mapping[str, Any]) -> Opened:
    """Open a storage; whatever the offer hands back, ``storage`` has coroutine verbs."""
    offer = subject.offer
    settings = options_of(offer, options)
    thread = StorageThread(f"holdall-{offer.name}")
    try:
        opened = await thread.run(lambda: offer.open(settings))
        storage = await opened if isinstance(opened, Coroutine) else opened
    except BaseException:
        await thread.stop()
        raise
    if isinstance(storage, BlockingSessionStorage):
        return Opened(ThreadedStorage(storage, thread), storage, thread)
    await thread.stop()
    return Opened(storage, None, thread)
