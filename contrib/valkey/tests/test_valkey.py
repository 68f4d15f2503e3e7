"""What Valkey does when it hangs, dies, is full or careless."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from holdall.contract import Commit, Durability, Lane, Scan, Span
from holdall.errors import Conflict, Damaged, SettingsError, StorageFull, StorageUnavailable
from holdall_valkey import ValkeySessionStorage, ValkeySettings, holdall_storages
from holdall_valkey.names import Names, behind, member, partition_of, stamp

S = TypeVar("S", bound=ValkeySessionStorage)


@asynccontextmanager
async def aclosing_storage(kind: type[S], settings: ValkeySettings) -> AsyncIterator[S]:
    opened = await kind.open(settings)
    assert isinstance(opened, kind)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def storage(own: Any) -> AsyncIterator[ValkeySessionStorage]:
    opened = await ValkeySessionStorage.open(own.settings)
    yield opened
    await opened.close()


def put(version: int, expect: int = 0, data: bytes = b"x") -> Commit:
    at = version - 1
    return Commit("p", expect, version, version, {"a": Lane(0, version)}, {"m": version}, None, {("a", at): data})


async def test_what_is_acknowledged_survives_the_server(storage: ValkeySessionStorage, own: Any) -> None:
    """``kill -9`` of the server itself: its append-only file was synced before each answer."""
    for version in range(1, 30):
        await storage.commit(put(version, version - 1))
    own.kill()
    with pytest.raises(StorageUnavailable):
        await storage.commit(put(30, 29))
    own.restart()
    found = await storage.load("p", Span("a"))
    assert found is not None
    assert found.head.version == 29
    assert len(found.records) == 29


async def test_a_server_that_hangs_is_given_up_and_changes_nothing_later(
    storage: ValkeySessionStorage, own: Any
) -> None:
    """What it comes to after the deadline it refuses by itself, so no acknowledged state can be overtaken."""
    await storage.commit(put(1))
    own.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StorageUnavailable):
            await storage.commit(put(2, 1))
    finally:
        own.process.send_signal(signal.SIGCONT)
    found = await storage.load("p")
    assert found is not None
    assert found.head.version == 1
    assert [item.head.version for item in await storage.scan(Scan("m"))] == [1]


async def test_nothing_is_sent_twice(storage: ValkeySessionStorage, own: Any) -> None:
    """A lost answer is an unknown outcome, not a second try."""
    await storage.commit(put(1))
    before = own.client.info("commandstats")
    own.process.send_signal(signal.SIGSTOP)
    with pytest.raises(StorageUnavailable):
        await storage.load("p")
    own.process.send_signal(signal.SIGCONT)
    after = own.client.info("commandstats")
    calls = [stats["cmdstat_evalsha"]["calls"] for stats in (before, after)]
    assert calls[1] - calls[0] <= 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appendfsync", "everysec"),
        ("no-appendfsync-on-rewrite", "yes"),
        ("maxmemory-policy", "allkeys-lru"),
    ],
)
async def test_a_server_that_promises_less_is_refused(own: Any, name: str, value: str) -> None:
    own.client.config_set(name, value)
    with pytest.raises(StorageUnavailable, match=f"{name} = {value}"):
        await ValkeySessionStorage.open(own.settings)


async def test_a_weaker_promise_can_be_asked_for(own: Any) -> None:
    """And is what the offer then claims."""
    own.client.config_set("appendfsync", "everysec")
    weaker = own.settings.model_copy(update={"durability": "process"})
    await (await ValkeySessionStorage.open(weaker)).close()
    (offer,) = holdall_storages()
    assert (offer.promises(weaker).durability, offer.promises(own.settings).durability) == (
        Durability.PROCESS,
        Durability.POWER,
    )


async def test_a_full_server_refuses_writes_and_still_reads_and_drops(storage: ValkeySessionStorage, own: Any) -> None:
    await storage.commit(put(1))
    own.client.config_set("maxmemory", 1)
    with pytest.raises(StorageFull):
        await storage.commit(put(2, 1))
    found = await storage.load("p", Span("a"))
    assert found is not None
    own.client.config_set("maxmemory", 0)
    await storage.commit(put(2, 1))


async def test_an_entry_of_a_failed_commit_lists_nothing_wrong(storage: ValkeySessionStorage, own: Any) -> None:
    """The index is ahead of the commit that was refused."""
    await storage.commit(put(1))
    with pytest.raises(Conflict):
        await storage.commit(put(9, 8))
    assert [(item.head.partition, item.head.version) for item in await storage.scan(Scan("m"))] == [("p", 1)]


async def test_a_flipped_bit_costs_its_record(storage: ValkeySessionStorage, own: Any) -> None:
    await storage.commit(put(1, data=b"kept"))
    await storage.commit(put(2, 1, data=b"hurt"))
    key = Names("holdall").lane("p", "a")
    raw = own.client.hget(key, "1")
    own.client.hset(key, "1", raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(Damaged, match="p: record a/1"):
        await storage.load("p", Span("a"))
    found = await storage.load("p", Span("a", 0, 1))
    assert found is not None
    assert found.records == {("a", 0): b"kept"}


async def test_after_a_fork_it_is_refused(storage: ValkeySessionStorage) -> None:
    storage._pid = os.getpid() - 1  # as a child sees it
    with pytest.raises(StorageUnavailable, match="fork"):
        await storage.load("p")
    storage._pid = os.getpid()


def test_members_sort_as_partitions_do() -> None:
    """By their bytes, NUL and prefixes among them; a cursor lies just behind all entries of its partition."""
    names = ["", "a", "a\0", "a\0\0", "a\0\1", "a\0\xff", "a\1", "ab", "b", "é", "\U0010ffff"]
    members = sorted(member(name, stamp(n)) for n, name in enumerate([*names, *names]))
    assert [partition_of(entry)[0] for entry in members[::2]] == sorted(names, key=str.encode)
    assert [partition_of(entry)[0] for entry in members[1::2]] == sorted(names, key=str.encode)
    for name in names:
        up, down = (behind(name, descending=way) for way in (False, True))
        assert [entry for entry in members if down < entry < up] == [
            entry for entry in members if partition_of(entry)[0] == name
        ]


class Moving(ValkeySessionStorage):
    """Lets somebody else act between reading an index and reading the heads that it names."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def _read(self, partitions: Sequence[str], spans: Sequence[Span]) -> Sequence[Any]:
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            await act()
        return await super()._read(partitions, spans)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("to", [-5, 3, 45, 95])
async def test_a_partition_that_moves_during_a_walk_is_shown_once(own: Any, to: int, descending: bool) -> None:
    """At its new place, which the entries that were read do not tell."""
    async with aclosing_storage(Moving, own.settings) as storage:
        for n in range(10):
            await storage.commit(Commit(f"p{n}", 0, 1, 1, {}, {"m": n * 10}))

        async def move() -> None:
            await storage.commit(Commit("p2", 1, 2, 2, {}, {"m": to}))

        storage.meanwhile = move
        found = await storage.scan(Scan("m", descending=descending))
        places = [item.head.marks["m"] for item in found]
        assert places == sorted(places, reverse=descending)
        assert sorted(item.head.partition for item in found) == [f"p{n}" for n in range(10)]


async def test_what_moves_out_of_a_page_is_not_in_it(own: Any) -> None:
    """A page goes as far as its entries do: who moved beyond comes with a later one, not in front of others."""
    async with aclosing_storage(Moving, own.settings) as storage:
        for n in range(30):
            await storage.commit(Commit(f"p{n:02}", 0, 1, 1, {}, {"m": n * 10}))

        async def move() -> None:
            await storage.commit(Commit("p02", 1, 2, 2, {}, {"m": 255}))

        storage.meanwhile = move
        names = [item.head.partition for item in await storage.scan(Scan("m", limit=5))]
        assert names == ["p00", "p01", "p03", "p04", "p05"]
        rest = [item.head.partition for item in await storage.scan(Scan("m", after=(50, "p05")))]
        assert rest == [f"p{n:02}" for n in range(6, 26)] + ["p02"] + [f"p{n:02}" for n in range(26, 30)]


async def test_void_entries_go_once_no_commit_can_need_them(own: Any) -> None:
    """Those of commits that were refused, replaced or cut off by a death; never those of one that may still come."""
    async with aclosing_storage(ValkeySessionStorage, own.settings) as storage:
        index = Names("holdall").mark("m")
        await storage.commit(put(1))
        soon = int(time.time() * 1000) + 60_000
        own.client.zadd(index, {member("p", stamp(soon)): 7, member("p", stamp(1)): 8, member("gone", stamp(1)): 9})
        for version in range(2, 6):
            await storage.commit(put(version, version - 1))
            with pytest.raises(Conflict):
                await storage.commit(put(99, 98))
        assert [item.head.version for item in await storage.scan(Scan("m"))] == [5]
        await storage.commit(put(6, 5))
        await storage.commit(Commit("other", 0, 1, 1))
        left = [score for _, score in own.client.zrange(index, 0, -1, withscores=True)]
        assert left == [6, 7]


async def test_many_tasks_wait_for_the_few_connections(own: Any) -> None:
    """Rather than fail, or open more than the configuration allows."""
    few = own.settings.model_copy(update={"connections": 2})
    async with aclosing_storage(ValkeySessionStorage, few) as storage:
        await asyncio.gather(*(storage.commit(Commit(f"p{n}", 0, 1, 1)) for n in range(50)))
        assert len(await storage.scan(Scan())) == 50
        assert sum(one["cmd"] != "client|list" for one in own.client.client_list()) <= 2


async def test_a_server_with_another_time_is_refused(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would refuse what comes in time, or do what its caller has given up."""
    real = time.time
    monkeypatch.setattr("holdall_valkey.client.time.time", lambda: real() + 30)
    with pytest.raises(StorageUnavailable, match=r"(29|30|31) s apart"):
        await ValkeySessionStorage.open(own.settings)


def test_a_password_is_never_in_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as refused:
        ValkeySettings(url="valkey://ana:s3cret@localhost:6379")
    assert "s3cret" not in str(refused.value)
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    with pytest.raises(SettingsError, match="NO_SUCH_VARIABLE"):
        ValkeySettings(url="valkey://localhost", password_env="NO_SUCH_VARIABLE").password()
