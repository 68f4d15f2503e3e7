"""What the tier never does: acknowledge before the back has it, or show what is no longer so.

Covers ST-05.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from holdall.checking import schema
from holdall.contract import Abilities, Commit, Durability, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, SettingsError, StorageFull, StorageUnavailable
from holdall.nesting import open_nested, promises
from holdall.settings import StorageRef
from holdall_tier import TierSessionStorage, TierSettings
from holdall_tier.front import Front


class Told(ISessionStorage):
    """A storage that writes down what it is asked, and fails or waits where it is told to."""

    def __init__(self, inner: ISessionStorage) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self.fails: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def _go(self, call: str) -> None:
        self.calls.append(call)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        await self._go("records" if spans else "head")
        return await self.inner.load(partition, *spans)

    async def commit(self, commit: Commit) -> None:
        await self._go("commit")
        await self.inner.commit(commit)

    async def drop(self, partition: str, *, expect: int) -> None:
        await self._go("drop")
        await self.inner.drop(partition, expect=expect)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        return await self.inner.scan(scan)


async def made(*, alone: bool, max_bytes: int = 1 << 20, largest: int = 100) -> tuple[TierSessionStorage, Told, Told]:
    front, back = [Told(await open_nested(StorageRef("memory"))) for _ in range(2)]
    return TierSessionStorage(Front(front, max_bytes, largest), back, alone=alone), front, back


def put(version: int, expect: int = 0, partition: str = "p", size: int = 10) -> Commit:
    write = {("a", version - 1): b"%d" % version * size}
    return Commit(partition, expect, version, version, {"a": Lane(0, version)}, {"m": version}, None, write)


async def test_a_second_look_is_the_fronts() -> None:
    """Alone it asks nobody; where others may write it asks for the head."""
    for alone, asked in ((True, []), (False, ["head"])):
        tier, _, back = await made(alone=alone)
        await tier.commit(put(1))
        first = await tier.load("p", Span("a"))
        await tier.commit(put(2, 1))
        back.calls.clear()
        second = await tier.load("p", Span("a", -1))
        assert first is not None
        assert second is not None
        assert (first.head.version, second.head.version, len(second.records)) == (1, 2, 1)
        assert back.calls == asked


async def test_nothing_is_acknowledged_before_the_back_has_it() -> None:
    """Nor shown: while the back is at it, and after it failed, only what it has is seen."""
    for alone in (True, False):
        tier, front, back = await made(alone=alone)
        await tier.commit(put(1))
        assert await tier.load("p", Span("a")) is not None
        back.gate = asyncio.Event()
        writing = asyncio.create_task(tier.commit(put(2, 1)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not writing.done()
        inside = await front.inner.load("p")
        assert inside is not None
        assert inside.head.version == 1
        back.fails = StorageUnavailable("cut off")
        back.gate.set()
        with pytest.raises(StorageUnavailable):
            await writing
        back.fails = None
        await back.inner.commit(put(2, 1))  # it had happened all the same
        found = await tier.load("p", Span("a"))
        assert found is not None
        assert found.head.version == 2
        await tier.commit(put(3, 2))


async def test_what_another_process_writes_is_seen_at_once() -> None:
    tier, _, back = await made(alone=False)
    await tier.commit(put(1))
    assert await tier.load("p", Span("a")) is not None
    await back.inner.commit(put(2, 1))
    found = await tier.load("p", Span("a"))
    assert found is not None
    assert len(found.records) == 2
    with pytest.raises(Conflict):
        await tier.commit(put(2, 1))
    await back.inner.drop("p", expect=2)
    assert await tier.load("p", Span("a")) is None


async def test_a_front_that_fails_costs_speed_and_is_told() -> None:
    tier, front, _ = await made(alone=True)
    await tier.commit(put(1))
    assert await tier.load("p", Span("a")) is not None
    front.fails = StorageFull("no room")
    await tier.commit(put(2, 1))
    assert tier.health() == "the front failed: no room"
    front.fails = None
    found = await tier.load("p", Span("a"))
    assert found is not None
    assert found.head.version == 2
    assert tier.health() is None


@pytest.mark.parametrize("alone", [True, False])
async def test_a_front_that_cannot_be_read_is_passed_by(alone: bool) -> None:
    tier, front, _ = await made(alone=alone)
    await tier.commit(put(1))
    assert await tier.load("p", Span("a")) is not None
    front.fails = Damaged("p a[0]", "the test says so")
    found = await tier.load("p", Span("a"))
    assert found is not None
    assert found.records == {("a", 0): b"1" * 10}
    assert tier.health() == "the front failed: p a[0] is damaged: the test says so"
    front.fails = None
    assert await tier.load("p", Span("a")) is not None
    assert tier.health() is None


async def test_a_write_that_is_given_up_leaves_nothing_old() -> None:
    """Cancelled while the front follows: what it has by then counts for nothing."""
    tier, front, back = await made(alone=True)
    await tier.commit(put(1))
    assert await tier.load("p", Span("a")) is not None
    front.gate = asyncio.Event()
    writing = asyncio.create_task(tier.commit(put(2, 1)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (front.calls[-1], back.calls[-1]) == ("commit", "commit")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    front.gate = None
    await front.inner.commit(put(2, 1))
    await back.inner.commit(put(3, 2))
    for _ in range(2):
        found = await tier.load("p", Span("a"))
        assert found is not None
        assert len(found.records) == 3
    assert tier.health() is None


async def test_the_front_keeps_to_its_limits() -> None:
    tier, front, back = await made(alone=True, max_bytes=100, largest=3)
    for n in range(10):
        await tier.commit(put(1, partition=f"p{n}", size=40))
        assert await tier.load(f"p{n}", Span("a")) is not None
    held = [item.head.partition for item in await front.inner.scan(Scan())]
    assert held == ["p8", "p9"]
    for version in range(2, 7):
        await tier.commit(put(version, version - 1, partition="p9", size=1))
    await tier.commit(Commit("p0", 1, 9, 9, {"a": Lane(0, 5)}, write={("a", n): b"x" for n in range(5)}))
    for _ in range(2):
        back.calls.clear()
        assert await tier.load("p0", Span("a")) is not None
        assert back.calls == ["head", "records"], "five records are over the largest"


async def test_damage_elsewhere_does_not_keep_a_page_from_being_read() -> None:
    class Hurt(Told):
        async def load(self, partition: str, *spans: Span) -> Snapshot | None:
            if Span("b") in spans:
                raise Damaged("b", "torn")
            return await super().load(partition, *spans)

    back = Hurt(await open_nested(StorageRef("memory")))
    tier = TierSessionStorage(Front(await open_nested(StorageRef("memory")), 1000, 100), back, alone=True)
    lanes: dict[str, Lane | None] = {"a": Lane(0, 1), "b": Lane(0, 1)}
    await tier.commit(Commit("p", 0, 1, 1, lanes, write={("a", 0): b"x", ("b", 0): b"y"}))
    found = await tier.load("p", Span("a"))
    assert found is not None
    assert found.records == {("a", 0): b"x"}


def ref(front: str, back: str, folder: Path) -> StorageRef:
    def one(name: str) -> dict[str, Any]:
        return {"use": name, "options": {} if name == "memory" else {"path": str(folder / name)}}

    return StorageRef("tier", {"front": one(front), "back": one(back)})


async def test_it_promises_what_its_back_does_and_shares_only_with_a_front_of_each_processs_own(tmp_path: Path) -> None:
    assert promises(ref("memory", "file", tmp_path)) == Abilities(Durability.POWER, shared=True)
    assert promises(ref("memory", "tinydb", tmp_path)) == Abilities(Durability.POWER, shared=False)
    assert promises(ref("memory", "memory", tmp_path)) == Abilities(Durability.NONE, shared=False)
    assert promises(ref("tinydb", "file", tmp_path)) == Abilities(Durability.POWER, shared=False)
    with pytest.raises(SettingsError, match="the front 'file' may be opened by others"):
        await open_nested(ref("file", "file", tmp_path))
    with pytest.raises(SettingsError, match="the front 'file' may be opened by others"):
        promises(ref("file", "file", tmp_path))
    with pytest.raises(SettingsError, match=r"back: is missing|back"):
        promises(StorageRef("tier", {"front": {"use": "memory"}}))


def test_its_options_have_a_schema() -> None:
    """Without a warning about the front, which it has unless it is told another."""
    assert set(schema(TierSettings)["properties"]) == {"front", "back", "max_bytes", "largest"}
    assert TierSettings(back=StorageRef("file")).front == StorageRef("memory")  # pyright: ignore[reportCallIssue]


async def test_a_front_that_lasts_begins_empty(tmp_path: Path) -> None:
    """Nobody knows what happened to the back since."""
    tier = await open_nested(ref("tinydb", "file", tmp_path))
    await tier.commit(put(1))
    assert await tier.load("p", Span("a")) is not None
    await tier.close()
    back = await open_nested(StorageRef("file", {"path": str(tmp_path / "file")}))
    await back.drop("p", expect=1)
    await back.commit(Commit("p", 0, 1, 1, {"a": Lane(0, 1)}, write={("a", 0): b"restored"}))
    await back.close()
    tier = await open_nested(ref("tinydb", "file", tmp_path))
    found = await tier.load("p", Span("a"))
    await tier.close()
    assert found is not None
    assert found.records == {("a", 0): b"restored"}


async def test_a_front_that_was_somebodys_store_is_refused_and_not_emptied(tmp_path: Path) -> None:
    """Front and back exchanged in the configuration: the store would be gone."""
    mine = StorageRef("tinydb", {"path": str(tmp_path / "tinydb")})
    store = await open_nested(mine)
    await store.commit(put(1))
    await store.close()
    with pytest.raises(SettingsError, match="would be emptied, and holds what no tier put there"):
        await open_nested(ref("tinydb", "file", tmp_path))
    store = await open_nested(mine)
    found = await store.load("p", Span("a"))
    await store.close()
    assert found is not None
    assert found.head.version == 1
