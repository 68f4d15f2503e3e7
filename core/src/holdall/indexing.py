"""From ``[search]`` to an index that is kept up with the store."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from holdall.blocking import StorageThread
from holdall.checking import checked
from holdall.errors import HoldallError, PluginError, SettingsError
from holdall.hooks import SearchOffer
from holdall.plugins import Plugins
from holdall.searching import BlockingSearchIndex, Found, Known, SearchIndex, Update, Walked, Wanted
from holdall.sessions.engine import Engine
from holdall.sessions.search.keeper import Keeper, look_again
from holdall.settings import Settings

__all__ = ["check_search", "configured_index", "indexing", "open_index", "tell_index"]

T = TypeVar("T")


def check_search(settings: Settings, plugins: Plugins) -> None:
    """Raise ``SettingsError`` or ``PluginError`` for what is wrong with the section."""
    if settings.search.use is None:
        return
    _chosen(settings, plugins)
    if settings.encryption.use is not None and settings.search.plaintext != "accept":
        raise SettingsError(
            "search: sessions are encrypted, and a search index holds their words as they are; to keep one anyway, say "
            'search.plaintext = "accept". Without one, searching reads the sessions themselves'
        )


def _chosen(settings: Settings, plugins: Plugins) -> tuple[SearchOffer[Any], Any]:
    """The index that ``[search]`` names, and its options."""
    offer = plugins.search_index(settings.search.use or "", "search.use")
    return offer, checked(offer.settings, settings.search.options, f"search.options of {offer.name!r}")


async def configured_index(settings: Settings, plugins: Plugins) -> SearchIndex:
    """Open the index that ``[search]`` names."""
    return await open_index(*_chosen(settings, plugins))


@asynccontextmanager
async def indexing(engine: Engine, settings: Settings, plugins: Plugins) -> AsyncGenerator[None]:
    """Have ``engine`` search by the configured index, which is kept up with it."""
    section = settings.search
    index = await configured_index(settings, plugins)
    keeper = engine.keeper = Keeper(engine, index, section.wait)
    task = asyncio.create_task(keeper.keep(section.every)) if section.every else None
    try:
        yield
    finally:
        engine.keeper = None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await keeper.close()


async def tell_index(settings: Settings, plugins: Plugins) -> None:
    """Let the configured index know that sessions were put into the storage, or changed, by others than a store."""
    index = await open_index(*_chosen(settings, plugins))
    try:
        await look_again(index)
    finally:
        await index.close()


async def open_index(offer: SearchOffer[Any], options: Any) -> SearchIndex:
    """Open an index, behind the coroutine verbs."""
    thread = StorageThread(f"holdall-search-{offer.name}")
    try:
        opened = await thread.run(lambda: offer.open(options))
        if isinstance(opened, BlockingSearchIndex):
            return ThreadedIndex(opened, thread)
        found: Any = await opened if inspect.isawaitable(opened) else opened
    except BaseException as error:
        await thread.stop()
        if isinstance(error, Exception) and not isinstance(error, HoldallError):
            raise PluginError(f"search index {offer.name!r} cannot be opened: {error!r}") from error
        raise
    await thread.stop()
    if not isinstance(found, SearchIndex):
        raise PluginError(f"search index {offer.name!r} opened a {type(found).__name__}")
    return found


class ThreadedIndex(SearchIndex):
    """A blocking index on the thread that opened it."""

    def __init__(self, index: BlockingSearchIndex, thread: StorageThread) -> None:
        self._index = index
        self._thread = thread

    async def known(self, sessions: Sequence[str]) -> Mapping[str, Known]:
        """See ``SearchIndex.known``."""
        return await self._run(lambda: self._index.known(sessions))

    async def put(self, updates: Sequence[Update]) -> Sequence[str]:
        """See ``SearchIndex.put``."""
        return await self._run(lambda: self._index.put(updates))

    async def forget(self, sessions: Sequence[str]) -> None:
        """See ``SearchIndex.forget``."""
        await self._run(lambda: self._index.forget(sessions))

    async def purge(self, session: str) -> None:
        """See ``SearchIndex.purge``."""
        await self._run(lambda: self._index.purge(session))

    async def find(self, wanted: Wanted) -> Found:
        """See ``SearchIndex.find``."""
        return await self._run(lambda: self._index.find(wanted))

    async def walked(self) -> Walked:
        """See ``SearchIndex.walked``."""
        return await self._run(self._index.walked)

    async def walk(self, old: Walked, new: Walked) -> None:
        """See ``SearchIndex.walk``."""
        await self._run(lambda: self._index.walk(old, new))

    async def sessions(self, after: str, limit: int) -> Sequence[str]:
        """See ``SearchIndex.sessions``."""
        return await self._run(lambda: self._index.sessions(after, limit))

    async def reset(self) -> None:
        """See ``SearchIndex.reset``."""
        await self._run(self._index.reset)

    async def tidy(self) -> bool:
        """See ``SearchIndex.tidy``."""
        return await self._run(self._index.tidy)

    async def close(self) -> None:
        """See ``SearchIndex.close``."""
        await self._thread.stop(self._index.close)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._thread.run(work)
