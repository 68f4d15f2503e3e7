"""Opening a storage as it is configured, below sessions: for commands that move or read whole partitions."""

from __future__ import annotations

from contextlib import AsyncExitStack

from holdall import opening
from holdall.codecs import Codec
from holdall.contract import ISessionStorage
from holdall.plugins import Plugins
from holdall.settings import Settings
from holdall.unfinished import refuse_unfinished

__all__ = ["opened"]


async def opened(
    stack: AsyncExitStack, settings: Settings, *, unfinished: bool = False
) -> tuple[ISessionStorage, Codec]:
    """The configured storage, closed with ``stack``, and the codec of its records.

    Only with ``unfinished`` also one that a restore has not been ended in.
    """
    plugins = Plugins()
    codec = opening.codec_of(settings, plugins)
    storage = await opening.open_storage(settings.storage, plugins)
    stack.push_async_callback(storage.close)
    if not unfinished:
        await refuse_unfinished(storage)
    return await opening.decodable(storage, codec, settings), codec
