"""Opening a storage as it is configured, below sessions: for commands that move or read whole partitions."""

from __future__ import annotations

from contextlib import AsyncExitStack

from holdall import opening
from holdall.codecs import Codec
from holdall.contract import ISessionStorage
from holdall.plugins import Plugins
from holdall.settings import Settings

__all__ = ["opened"]


async def opened(stack: AsyncExitStack, settings: Settings) -> tuple[ISessionStorage, Codec]:
    """The configured storage, closed with ``stack``, and the codec of its records."""
    plugins = Plugins()
    codec = opening.codec_of(settings, plugins)
    storage = await opening.open_storage(settings.storage, plugins)
    stack.push_async_callback(storage.close)
    return storage, codec
