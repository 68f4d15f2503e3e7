"""A key is missing, wrong or rotated: what needs it is a typed error, nothing falls back to plaintext, nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import holdall
from holdall.caching import Cache, LeastRecentlyUsed
from holdall.clock import SystemClock
from holdall.codecs import Codec
from holdall.contract import ISessionStorage, Scan, Span
from holdall.errors import CodecError, PluginError, SettingsError
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.sessions.engine import Engine
from holdall.sessions.policy import SessionPolicy
from holdall.sessions.state import State
from holdall.settings import read_settings
from holdall.transfer.keys import rotate
from tests.matrix.cells import cells
from tests.matrix.helping import settings
from tests.matrix.sealing import Keys, sealed, small

FAULT = "key missing / rotated / wrong"
CANARY = "a canary that repeats, a canary that repeats, a canary that repeats"
OLD, NEW = "11" * 32, "22" * 32
Through = Callable[..., holdall.Store]


@asynccontextmanager
async def storage_of(backend: str, folder: Path) -> AsyncGenerator[tuple[ISessionStorage, Through]]:
    """One open storage, and stores that look at it through one codec or another, with nothing cached."""
    storage = await open_storage(read_settings(settings(backend, folder)).storage, Plugins())

    def through(codec: Codec, encrypting: ISessionStorage | None = None) -> holdall.Store:
        cache: Cache[State] = Cache(LeastRecentlyUsed(), 1 << 20)
        engine = Engine(encrypting or storage, clock=SystemClock(), policy=SessionPolicy(), codec=codec, cache=cache)
        return holdall.Store(engine)

    try:
        yield storage, through
    finally:
        await storage.close()


async def bytes_of(storage: ISessionStorage) -> dict[str, bytes]:
    """Every record that is stored."""
    found: dict[str, bytes] = {}
    for snapshot in await storage.scan(Scan(limit=100)):
        name = snapshot.head.partition
        whole = await storage.load(name, *(Span(lane) for lane in snapshot.head.lanes))
        assert whole is not None
        found |= {f"{name} {at}": record for at, record in whole.records.items()}
    return found


async def texts(store: holdall.Store, session: str) -> list[str]:
    return [item.text for item in await store.history(session)]


@cells(FAULT, memory="T", file="T", diskcache="T", tinydb="T")
async def test_encrypted(backend: str, tmp_path: Path) -> None:
    async with storage_of(backend, tmp_path) as (storage, through):
        store = through(Codec(), await sealed(storage, OLD))
        session = (await store.create(owner="ana", title=CANARY)).id
        await store.append(session, [{"role": "user", "content": CANARY}])
        kept = await bytes_of(storage)
        assert not any(b"canary" in record for record in kept.values())
        with pytest.raises(CodecError, match=r"wrapped by the key [0-9a-f]{12}, which is not there"):
            await sealed(storage, NEW)
        with pytest.raises(CodecError, match="not configured"):
            await through(Codec()).history(session)
        with pytest.raises(CodecError, match="not configured"):
            await through(Codec()).append(session, [{"role": "user", "content": "in the dark"}])
        assert await bytes_of(storage) == kept
        rotated = through(Codec(), await sealed(storage, f"{NEW} {OLD}"))
        assert await texts(rotated, session) == [CANARY]
        await rotated.append(session, [{"role": "user", "content": "while both are there"}])
        report = await rotate(storage, Keys(f"{NEW} {OLD}"), SystemClock())
        assert (report.rewrapped, report.old, report.problems) == (2, {}, [])
        new = through(Codec(), await sealed(storage, NEW))
        assert await texts(new, session) == [CANARY, "while both are there"]
        with pytest.raises(CodecError, match="which is not there"):
            await sealed(storage, OLD)


@cells(FAULT, memory="T", file="T", diskcache="T", tinydb="T")
async def test_plaintext_is_refused_where_encryption_is_on(backend: str, tmp_path: Path) -> None:
    """What somebody wrote without a key is not taken for ours."""
    async with storage_of(backend, tmp_path) as (storage, through):
        session = (await through(Codec()).create(owner="ana", messages=[{"role": "user", "content": "x"}])).id
        with pytest.raises(CodecError, match="plaintext, and encryption is on"):
            await through(Codec(), await sealed(storage, OLD)).history(session)
        assert await texts(through(Codec()), session) == ["x"]


@cells(FAULT, memory="T", file="T", diskcache="T", tinydb="T")
async def test_a_compressor_that_is_missing(backend: str, tmp_path: Path) -> None:
    async with storage_of(backend, tmp_path) as (storage, through):
        session = (await through(small()).create(owner="ana", messages=[{"role": "user", "content": CANARY}])).id
        kept = await bytes_of(storage)
        with pytest.raises(CodecError, match="needs compressor 7, which is not configured"):
            await through(Codec()).history(session)
        assert await bytes_of(storage) == kept
        assert await texts(through(small()), session) == [CANARY]


@cells(FAULT, memory="T", file="T", diskcache="T", tinydb="T")
async def test_encryption_that_cannot_be_had_is_refused_at_the_start(backend: str, tmp_path: Path) -> None:
    """Without its keys or its cipher it opens nothing, rather than to write plaintext."""
    keys = {"use": "file", "options": {"path": str(tmp_path / "no such keys")}}
    for section in ({"use": "aes"}, {"use": "aesgcm"}, {"use": "aesgcm", "keys": keys}):
        with pytest.raises((SettingsError, PluginError)):
            async with holdall.open(settings(backend, tmp_path) | {"encryption": section}):
                pytest.fail("it opened")
    async with storage_of(backend, tmp_path) as (storage, _):
        assert await bytes_of(storage) == {}
