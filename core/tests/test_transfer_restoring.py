"""Restoring a backup: only into what is empty, never half, and read back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.archives import Meddling, Open, nothing, opening_in, user
from support.contents import content, fill, unversioned
from support.storages import Passing, Tampering

import holdall
from holdall.contract import Commit, ISessionStorage
from holdall.errors import Conflict, Damaged, SettingsError, StorageFull, StorageUnavailable
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.sessions.store import Store
from holdall.settings import StorageRef
from holdall.testing.clock import ManualClock
from holdall.transfer import restoring
from holdall.transfer.archive.reading import Reading
from holdall.transfer.backing_up import back_up
from holdall.transfer.restoring import restore
from holdall.unfinished import MARKER, refuse_unfinished

pytestmark = pytest.mark.covers("ST-14")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    async with opening_in(tmp_path) as open_one:
        yield open_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive goes."""
    return tmp_path / "archive.jsonl"


@pytest.mark.parametrize("backend", ["memory"])
async def test_only_an_empty_storage_is_restored_into(store: Store, path: Path) -> None:
    await fill(store)
    held = await content(store.engine.storage)
    await back_up(store.engine.storage, path, 5)
    with pytest.raises(SettingsError, match="not empty"):
        await restore(Reading(path), store.engine.storage)
    assert await content(store.engine.storage) == held


@pytest.mark.parametrize("backend", ["file", "diskcache"])
async def test_what_others_remember_of_an_emptied_storage_is_not_taken_for_what_was_restored(
    storage_options: dict[str, Any], clock: ManualClock, path: Path
) -> None:
    """Another process has read a message that was written after the backup; its place is given to another one."""
    config = {"storage": storage_options, "sessions": {"sweep_every": 0, "tombstone_kept_for": 1}}
    async with holdall.open(config, clock=clock) as one, holdall.open(config, clock=clock) as other:
        session = await one.create(owner="ana", messages=[user(n) for n in range(5)])
        await back_up(one.engine.storage, path, 5)
        await one.append(session.id, [user(98)])
        assert [message.text for message in await other.history(session.id)][5:] == ["98"]
        await one.delete(session.id)
        clock.advance(86_400)
        await one.sweep()
        await restore(Reading(path), one.engine.storage)
        await one.append(session.id, [user(99)])
        assert [message.text for message in await other.history(session.id)][5:] == ["99"]


class FullAfter(Passing):
    """Has room for so many commits, and no more."""

    def __init__(self, storage: ISessionStorage, left: int) -> None:
        super().__init__(storage)
        self.left = left

    async def commit(self, commit: Commit) -> None:
        if not self.left:
            raise StorageFull("no room")
        self.left -= 1
        await super().commit(commit)


async def test_until_its_end_a_restore_shows_nothing_and_starts_over(
    store: Store, backend: str, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails at every commit in turn; each time the storage cannot be opened, and in the end all is there."""
    monkeypatch.setattr(restoring, "_TOGETHER", 3)
    monkeypatch.setattr(restoring, "_PIECE", 3000)
    await fill(store)
    await back_up(store.engine.storage, path, 5)
    folder = tmp_path / "target"
    folder.mkdir()
    ref = {"use": backend, "options": dict(Plugins().storage(backend).sandbox(folder))}
    storage = await open_storage(StorageRef(**ref), Plugins())
    fails = 0
    for left in range(100):
        try:
            await restore(Reading(path), FullAfter(storage, left))
        except StorageFull:
            fails += 1
        else:
            break
        if left == 0:
            assert await content(storage) == {}
            continue
        with pytest.raises(StorageUnavailable, match="run `holdall restore` again"):
            await refuse_unfinished(storage)
    assert fails > 6
    assert unversioned(await content(storage)) == unversioned(await content(store.engine.storage))
    await storage.close()
    if backend != "memory":
        async with holdall.open({"storage": ref}, clock=store.engine.clock) as there:
            assert (await there.list(owner="ana")).items


@pytest.mark.parametrize("backend", ["memory"])
async def test_of_two_restores_the_later_one_goes_on(
    store: Store, opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same archive. Another archive is refused until the first one's restore has come to its end."""
    monkeypatch.setattr(restoring, "_TOGETHER", 2)
    await fill(store)
    await back_up(store.engine.storage, path, 5)
    held = await content(store.engine.storage)
    await store.create(owner="bob")
    newer = path.with_name("newer.jsonl")
    await back_up(store.engine.storage, newer, 5)
    target = await opened("memory")

    async def meanwhile() -> None:
        with pytest.raises(SettingsError, match="another archive"):
            await restore(Reading(newer), target)
        await restore(Reading(path), target)

    with pytest.raises(Conflict, match=MARKER):
        await restore(Reading(path), Meddling(target, MARKER, nothing, nothing, meanwhile))
    assert unversioned(await content(target)) == unversioned(held)


@pytest.mark.parametrize("backend", ["memory"])
async def test_what_is_read_back_is_compared(store: Store, opened: Open, path: Path) -> None:
    """A storage that lies is not opened for use."""
    ids = await fill(store)
    await back_up(store.engine.storage, path, 5)
    target = await opened("memory")
    for data in (b'{"id":"x"}', None):
        lying = Tampering(target, f"session/{ids[1]}", ("messages/main", 7), data)
        with pytest.raises(Damaged, match=r"messages/main\[7\]"):
            await restore(Reading(path), lying)
        with pytest.raises(StorageUnavailable):
            await refuse_unfinished(target)
    await restore(Reading(path), target)
    await refuse_unfinished(target)
