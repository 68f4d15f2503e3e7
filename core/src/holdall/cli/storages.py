"""Opening a storage as it is configured, below sessions: for commands that move or read whole partitions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from holdall import opening
from holdall.clock import SystemClock
from holdall.codecs import Codec
from holdall.contract import ISessionStorage
from holdall.encrypting import check_encryption, encrypting, open_vault
from holdall.plugins import Plugins
from holdall.settings import Settings
from holdall.unfinished import refuse_unfinished

if TYPE_CHECKING:
    from holdall.sealing.vault import Vault

__all__ = ["encrypted", "index_told", "opened", "prepared", "vault_of"]


async def opened(
    stack: AsyncExitStack, settings: Settings, *, unfinished: bool = False, raw: bool = False
) -> tuple[ISessionStorage, Codec]:
    """The configured storage, closed with ``stack``, and the codec of its records.

    Only with ``unfinished`` also one that a restore has not been ended in. ``raw``: as it is stored, encrypted or not.
    """
    plugins = Plugins()
    codec = opening.codec_of(settings, plugins)
    check_encryption(settings, plugins)
    storage = await opening.open_storage(settings.storage, plugins)
    stack.push_async_callback(storage.close)
    if not unfinished:
        await refuse_unfinished(storage)
    return storage if raw else await prepared(storage, codec, settings), codec


async def prepared(storage: ISessionStorage, codec: Codec, settings: Settings) -> ISessionStorage:
    """What ``raw`` gave, decrypted and with its dictionaries."""
    plugins = Plugins()
    opening.load_named(settings, plugins)
    storage, _ = await encrypting(storage, settings, plugins, SystemClock())
    return await opening.decodable(storage, codec, settings)


async def index_told(settings: Settings) -> None:
    """Let the search index, if one is configured, know that it has to look at everything once more."""
    if settings.search.use is not None:
        from holdall.indexing import tell_index  # noqa: PLC0415 - seldom

        plugins = Plugins()
        opening.load_named(settings, plugins)
        await tell_index(settings, plugins)


async def vault_of(storage: ISessionStorage, settings: Settings, *, begin: bool = True) -> Vault:
    """The data keys of what ``raw`` gave; without ``begin`` nothing becomes encrypted by it."""
    plugins = Plugins()
    opening.load_named(settings, plugins)
    return await open_vault(storage, settings, plugins, SystemClock(), begin=begin)


async def encrypted(storage: ISessionStorage, settings: Settings, progress: Callable[[int, str], None]) -> int:
    """Encrypt what is plaintext in what ``raw`` gave, where it is to be; how many partitions were."""
    if settings.encryption.use is None or settings.encryption.plaintext != "accept":
        return 0
    from holdall.sealing.converting import convert_all  # noqa: PLC0415 - seldom

    return (await convert_all(storage, await vault_of(storage, settings), progress))[1]
