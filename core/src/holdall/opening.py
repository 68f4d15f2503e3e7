"""From a configuration to an open store, and back: the one place where the parts are put together."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall.blocking import StorageThread, ThreadedStorage
from holdall.caching import Cache, CachePolicy, LeastRecentlyUsed
from holdall.checking import checked
from holdall.clock import Clock, SystemClock
from holdall.codecs import Codec, Compressor
from holdall.codecs.dictionaries import INDEX
from holdall.contract import Abilities, BlockingSessionStorage, Durability, ISessionStorage
from holdall.encrypting import check_encryption, encrypting
from holdall.errors import Damaged, PluginError, SettingsError
from holdall.hooks import StorageOffer
from holdall.observers import Observers
from holdall.plugins import COMPRESSORS, Plugins, opened
from holdall.sessions.engine import Engine
from holdall.sessions.names import APART, LANES, is_lane
from holdall.sessions.state import State
from holdall.sessions.steps import RECORD_LIMIT
from holdall.sessions.store import Store
from holdall.settings import Settings, StorageRef, read_settings
from holdall.spelling import nearest
from holdall.unfinished import refuse_unfinished

__all__ = ["abilities_of", "codec_of", "decodable", "load_named", "open_storage", "open_store", "options_of"]

if TYPE_CHECKING:
    from pathlib import Path

    from holdall.sessions.compaction.tools import Tools

log = logging.getLogger("holdall")
_TAGS = 256


@asynccontextmanager
async def open_store(
    source: str | Path | Mapping[str, Any] | Settings = "holdall.toml",
    *,
    plugins: Plugins | None = None,
    clock: Clock | None = None,
    around: Callable[[ISessionStorage], ISessionStorage] | None = None,
) -> AsyncGenerator[Store, None]:
    """Open what the configuration names: a path to a TOML file, its content, or ``Settings``.

    ``around`` may put something around the storage, for example to measure it.

    Raises ``SettingsError`` or ``PluginError`` before anything is touched, ``StorageBusy`` when the storage is
    another process's.
    """
    settings = read_settings(source)
    plugins = plugins or Plugins()
    codec = codec_of(settings, plugins)
    check_encryption(settings, plugins)
    if settings.search.use is not None:
        from holdall.indexing import check_search  # noqa: PLC0415 - most stores have no index

        check_search(settings, plugins)
    policy = _cache_policy(settings, plugins)
    abilities = abilities_of(settings, plugins)
    async with AsyncExitStack() as stack:
        storage = await open_storage(settings.storage, plugins)
        stack.push_async_callback(storage.close)
        await refuse_unfinished(storage)
        storage = storage if around is None else around(storage)
        clock = clock or SystemClock()
        storage, shreds = await encrypting(storage, settings, plugins, clock)
        storage = await decodable(storage, codec, settings)
        states: Cache[State] = Cache(policy, settings.cache.max_bytes)
        engine = Engine(
            storage,
            clock=clock,
            policy=settings.sessions,
            codec=codec,
            cache=states,
            shreds=shreds,
            shared=abilities.shared,
        )
        engine.tools = partial(_tools, settings, plugins, [])
        stack.callback(engine.close)
        observers = Observers(plugins)
        if observers.watched:
            store = Store(engine, creating=observers.creating, observe=observers.observe)
        else:
            store = Store(engine, creating=observers.creating)
        if settings.sessions.sweep_every:
            task = asyncio.create_task(_sweeping(store, storage, settings.sessions.sweep_every))
            stack.push_async_callback(_stop, task)
        if settings.search.use is not None:
            from holdall.indexing import indexing  # noqa: PLC0415 - as above

            await stack.enter_async_context(indexing(engine, settings, plugins))
        yield store


def load_named(settings: Settings, plugins: Plugins) -> None:
    """Load what the configuration names in ``plugins``; an offer of theirs may be what it uses."""
    for name in settings.plugins:
        plugins.load(name)


def options_of(offer: StorageOffer[Any], options: Mapping[str, Any], where: str = "storage.options") -> Any:
    """The options of a storage, checked by its own schema; raises ``SettingsError`` with one line per fault."""
    return checked(offer.settings, options, f"{where} of {offer.name!r}")


def abilities_of(settings: Settings, plugins: Plugins) -> Abilities:
    """What the configured storage promises; raises ``SettingsError`` if that is less than is demanded of it."""
    load_named(settings, plugins)
    offer = plugins.storage(settings.storage.use, "storage.use")
    abilities = offer.promises(options_of(offer, settings.storage.options))
    wanted = settings.storage.durability
    if wanted is not None and abilities.durability < Durability[wanted.upper()]:
        raise SettingsError(
            f"storage.durability demands {wanted!r}, but {offer.name!r} as configured promises "
            f"{abilities.durability.label!r}"
        )
    return abilities


async def open_storage(ref: StorageRef, plugins: Plugins, where: str = "storage.use") -> ISessionStorage:
    """Open the storage that ``ref`` names, at ``where`` in the configuration, behind the coroutine verbs."""
    offer = plugins.storage(ref.use, where)
    options = options_of(offer, ref.options)
    if inspect.iscoroutinefunction(offer.open):
        return _coroutines(await offer.open(options), ref.use)
    thread = StorageThread(f"holdall-{offer.name}")
    try:
        storage = await thread.run(lambda: offer.open(options))
    except BaseException:
        await thread.stop()
        raise
    if isinstance(storage, BlockingSessionStorage):
        return ThreadedStorage(storage, thread)
    await thread.stop()
    return _coroutines(storage if isinstance(storage, ISessionStorage) else await storage, ref.use)


def _coroutines(storage: object, name: str) -> ISessionStorage:
    if not isinstance(storage, ISessionStorage):
        raise PluginError(f"storage {name!r} opened a {type(storage).__name__}, which it may not do asynchronously")
    return storage


async def decodable(storage: ISessionStorage, codec: Codec, settings: Settings) -> ISessionStorage:
    """``storage``, with what the records that are read from it need besides ``codec``: their dictionaries.

    Where nothing is configured and none were ever used, it is the storage itself.
    """
    compression = settings.compression
    if not codec.compressor and not compression.reads and not await _has_dictionaries(storage):
        return storage
    from holdall.codecs.knowing import KnowingStorage  # noqa: PLC0415 - few stores need it

    uses = settings.encryption.use is None if compression.dictionaries is None else compression.dictionaries
    knowing = KnowingStorage(storage, codec, uses=uses)
    await knowing.refresh()
    return knowing


async def _has_dictionaries(storage: ISessionStorage) -> bool:
    try:
        return await storage.load(INDEX) is not None
    except Damaged:  # it was there
        return True


def codec_of(settings: Settings, plugins: Plugins) -> Codec:
    """The record pipeline as configured."""
    load_named(settings, plugins)
    for name in settings.compression.skip:
        if not is_lane(name):
            raise SettingsError(f"compression.skip: sessions have no lane {name!r}{nearest(name, LANES)}")
    used, compressors = _compressors(settings, plugins)
    return Codec(
        compressor=used,
        compressors=compressors,
        limit=RECORD_LIMIT,
        apart=APART.union(settings.compression.skip),
        find=partial(_found, plugins, compressors),
    )


def _compressors(settings: Settings, plugins: Plugins) -> tuple[int, dict[int, Compressor]]:
    """The tag of the one that writes, and those that the configuration names."""
    compression, compressors = settings.compression, dict[int, Compressor]()
    names = [*([] if compression.use is None else [compression.use]), *compression.reads]
    for name in dict.fromkeys(names):
        offer = plugins.compressor(name, "compression.use" if name == compression.use else "compression.reads")
        if not 0 < offer.tag < _TAGS or offer.tag in compressors:
            raise PluginError(f"compressor {name!r} has the tag {offer.tag}, which is taken or not from 1 to 255")
        options = compression.options if name == compression.use else {}
        made = checked(offer.settings, options, f"compression.options of {name!r}")
        compressors[offer.tag] = opened("compressor", name, partial(offer.open, made))
    return (0 if compression.use is None else next(iter(compressors))), compressors


def _found(plugins: Plugins, compressors: dict[int, Compressor], tag: int) -> Compressor | None:
    """One of Holdall's own compressors that the configuration does not name any more, for what it wrote before."""
    name = COMPRESSORS.get(tag)
    if name is None:
        return None
    offer = plugins.compressor(name)
    made = checked(offer.settings, {}, f"the default options of {name!r}")
    compressors[tag] = opened("compressor", name, partial(offer.open, made))
    return compressors[tag]


def _cache_policy(settings: Settings, plugins: Plugins) -> CachePolicy:
    if settings.cache.policy is None:
        return LeastRecentlyUsed()
    offer = plugins.cache_policy(settings.cache.policy, "cache.policy")
    options = checked(offer.settings, settings.cache.options, f"cache.options of {offer.name!r}")
    return opened("cache policy", offer.name, partial(offer.open, options))


async def _sweeping(store: Store, storage: ISessionStorage, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        from holdall.codecs.knowing import KnowingStorage  # noqa: PLC0415 - most processes end before

        try:
            if isinstance(storage, KnowingStorage):
                await storage.refresh()
            swept = await store.sweep()
            if store.engine.keeper is not None and swept.expired:
                await store.engine.keeper.index.forget([state.record.id for state in swept.expired])
        except Exception:
            log.exception("the sweep failed; it is tried again in %s s", every)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _tools(settings: Settings, plugins: Plugins, made: list[Tools]) -> Tools:
    """What compaction and summaries need, found once, when somebody does either."""
    if not made:
        from holdall.condensing import ConfiguredTools  # noqa: PLC0415 - few processes need it

        made.append(ConfiguredTools(settings, plugins))
    return made[0]
