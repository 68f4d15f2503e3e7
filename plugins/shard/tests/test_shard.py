"""Where partitions are, what a walk costs, and what is refused.

Covers ST-05.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.contract import Abilities, Commit, Durability, ISessionStorage, Scan, Snapshot
from holdall.errors import Conflict, SettingsError, StorageError
from holdall.nesting import open_nested, promises
from holdall.settings import StorageRef
from holdall_shard import ShardSessionStorage
from holdall_shard.layout import NOTE, place, settle

MEMORY: dict[str, Any] = {"use": "memory"}


class Counting(ISessionStorage):
    """A storage that counts the partitions that it hands out in scans."""

    def __init__(self, inner: ISessionStorage) -> None:
        self.inner = inner
        self.load, self.commit, self.drop = inner.load, inner.commit, inner.drop
        self.read = self.asked = 0

    async def load(self, partition: str, *spans: Any) -> Snapshot | None:
        raise NotImplementedError

    async def commit(self, commit: Commit) -> None:
        raise NotImplementedError

    async def drop(self, partition: str, *, expect: int) -> None:
        raise NotImplementedError

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        found = await self.inner.scan(scan)
        self.asked += 1
        self.read += len(found)
        return found


@pytest.fixture
async def shard() -> ShardSessionStorage:
    members = {f"m{n}": Counting(await open_nested(StorageRef("memory"))) for n in range(5)}
    return ShardSessionStorage(members)


def test_placing_is_even_and_adding_a_member_moves_only_what_it_gets() -> None:
    names = [f"session/{n}" for n in range(6000)]
    three, four = ["a", "b", "c"], ["a", "b", "c", "d"]
    before, after = ({name: place(name, members) for name in names} for members in (three, four))
    assert all(1850 < count < 2150 for count in Counter(before.values()).values())
    moved = {name for name in names if before[name] != after[name]}
    assert {after[name] for name in moved} == {"d"}
    assert 1350 < len(moved) < 1650
    assert place("session/x", ["a", "b"]) == place("session/x", ["b", "a"])


async def test_places_are_for_ever() -> None:
    """Another hash would look for every stored session in the wrong place."""
    assert [place(f"session/{n}", ["a", "b", "c"]) for n in range(12)] == list("acabbaabcbcb")


@pytest.mark.parametrize("limit", [1, 10, 50, 500])
async def test_a_walk_reads_what_it_answers(shard: ShardSessionStorage, limit: int) -> None:
    """Not every member's whole page: for even members little more, for the most uneven less than three times it."""
    numbers = random.Random(7).sample(range(100_000), 2000)
    for n, score in enumerate(numbers):
        await shard.commit(Commit(f"p{n}", 0, 1, 1, {}, {"even": score}))
    one = [f"p{n}" for n in range(2000) if place(f"p{n}", shard.members) == "m3"]
    for n, name in enumerate(one):
        await shard.commit(Commit(name, 1, 2, 2, {}, {"uneven": n}))
    members: list[Any] = list(shard.members.values())
    for mark, most in (("even", 2 * limit + 10), ("uneven", 3 * limit + 10)):
        for member in members:
            member.read = member.asked = 0
        found = await shard.scan(Scan(mark, limit=limit, descending=True))
        assert len(found) == min(limit, 2000 if mark == "even" else len(one))
        assert sum(member.read for member in members) <= most
        assert sum(member.asked for member in members) <= 15


async def test_it_promises_what_its_weakest_member_does(tmp_path: Path) -> None:
    file = {"use": "file", "options": {"path": str(tmp_path / "file")}}
    tinydb = {"use": "tinydb", "options": {"path": str(tmp_path / "tinydb")}}

    def of(*members: Any) -> Abilities:
        return promises(StorageRef("shard", {"members": {f"m{n}": one for n, one in enumerate(members)}}))

    assert of(file, file) == Abilities(Durability.POWER, shared=True)
    assert of(file, tinydb) == Abilities(Durability.POWER, shared=False)
    assert of(file, MEMORY) == Abilities(Durability.NONE, shared=False)


def options(folder: Path, *names: str) -> dict[str, Any]:
    return {"members": {name: {"use": "file", "options": {"path": str(folder / name)}} for name in names}}


async def test_other_members_are_refused_until_the_store_is_copied(tmp_path: Path) -> None:
    """A session would be looked for where it is not."""
    first = {"storage": {"use": "shard", "options": options(tmp_path, "a", "b")}}
    async with holdall.open(first) as store:
        ids = [(await store.create(owner="ana")).id for _ in range(8)]
    more = StorageRef("shard", options(tmp_path, "a", "b", "c"))
    with pytest.raises(SettingsError, match=r"member 'a' was member 'a' of a, b.*copy the store"):
        await open_nested(more)
    swapped = {"a": options(tmp_path, "b")["members"]["b"], "b": options(tmp_path, "a")["members"]["a"]}
    with pytest.raises(SettingsError, match=r"member 'a' was member 'b'"):
        await open_nested(StorageRef("shard", {"members": swapped}))
    async with holdall.open(first) as store:
        assert sorted(item.id for item in (await store.list(owner="ana")).items) == sorted(ids)


async def test_a_member_that_was_somebodys_store_is_refused(tmp_path: Path) -> None:
    async with holdall.open({"storage": options(tmp_path, "a")["members"]["a"]}) as store:
        await store.create(owner="ana")
    with pytest.raises(SettingsError, match="holds partitions that no shard put there"):
        await open_nested(StorageRef("shard", options(tmp_path, "a", "b")))


async def test_many_that_open_it_for_the_first_time_agree() -> None:
    """Each may find the note, or what others wrote behind it, between any two of its looks."""

    class Late(Counting):
        """Another process makes the note, and writes, between our look for the note and our look around."""

        async def scan(self, scan: Scan) -> Sequence[Snapshot]:
            if not self.asked:
                await settle("a", self.inner, ["a", "b"])
                await self.inner.commit(Commit("p", 0, 1, 1))
            return await super().scan(scan)

    member = Late(await open_nested(StorageRef("memory")))
    await settle("a", member, ["a", "b"])
    assert member.asked == 1
    with pytest.raises(SettingsError, match="was member 'a' of a, b"):
        await settle("b", member, ["a", "b"])


async def test_a_member_that_lost_everything_is_refused(tmp_path: Path) -> None:
    """A disk that is not there, a server that was set up anew: lists would look complete, and lack its sessions."""
    both: dict[str, Any] = {"storage": {"use": "shard", "options": options(tmp_path, "a", "b")}}
    async with holdall.open(both):
        pass
    (tmp_path / "b").rename(tmp_path / "before")
    async with holdall.open(both) as store:  # nothing was in it, as after a first opening that was killed
        for _ in range(8):
            await store.create(owner="ana")
    (tmp_path / "b").rename(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="member 'b' is empty, and others hold sessions"):
        await open_nested(StorageRef("shard", both["storage"]["options"]))
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "elsewhere").rename(tmp_path / "b")
    async with holdall.open(both) as store:
        assert len((await store.list(owner="ana")).items) == 8


async def test_a_member_that_keeps_nothing_begins_anew(tmp_path: Path) -> None:
    mixed = {"members": {**options(tmp_path, "a")["members"], "b": MEMORY}}
    for n in range(2):
        storage = await open_nested(StorageRef("shard", mixed))
        for at in range(8):
            with suppress(Conflict):
                await storage.commit(Commit(f"p{at}", 0, n + 1, n + 1))
        await storage.close()


async def test_its_note_is_nobodys(tmp_path: Path) -> None:
    storage = await open_nested(StorageRef("shard", options(tmp_path, "a", "b")))
    assert await storage.scan(Scan()) == []
    assert await storage.load(NOTE) is None
    with pytest.raises(StorageError, match="the shard's own"):
        await storage.commit(Commit(NOTE, 1, 2, 2))
    await storage.close()


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"members": {}}, "members"),
        ({"members": {"a b": MEMORY}}, "members"),
        ({"members": {"a": {"use": "memory", "path": "x"}}}, "path"),
        ({"members": {"a": {"use": "memory", "options": {"nope": 1}}}}, "nope"),
        ({"member": {}}, "member"),
    ],
)
async def test_members_are_checked_like_any_storage(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        await open_nested(StorageRef("shard", given))
    with pytest.raises(SettingsError, match=fault):
        promises(StorageRef("shard", given))
