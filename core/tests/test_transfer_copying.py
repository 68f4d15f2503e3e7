"""Copies are whole, verified, resumable and careful; verify names what is wrong and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.contents import content, fill
from support.storages import Failing, Passing, Tampering

import holdall
from holdall.codecs import Codec
from holdall.contract import Commit, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.errors import Damaged, StorageFull
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.sessions.store import Store
from holdall.settings import StorageRef
from holdall.transfer import copying
from holdall.transfer.copying import Side, copy
from holdall.transfer.verifying import verify

pytestmark = pytest.mark.covers("LC-10")


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[ISessionStorage]:
    """An empty storage to copy to."""
    plugins = Plugins()
    async with AsyncExitStack() as stack:
        storage = await open_storage(StorageRef(use="memory"), plugins)
        stack.push_async_callback(storage.close)
        yield storage


async def test_everything_arrives_as_it_was(store: Store, target: ISessionStorage) -> None:
    await fill(store)
    source = store.engine.storage
    before = await content(source)
    report = await copy(Side(source), Side(target))
    assert report.problems == []
    assert (report.copied, report.present) == (len(before), 0)
    assert report.records == sum(len(item.records) for item in before.values())
    assert await content(target) == before == await content(source)
    assert any(name.startswith("claim/") for name in before)
    assert any(name.startswith("presence/") for name in before)
    for mark in {mark for item in before.values() for mark in item.head.marks}:
        assert [item.head for item in await target.scan(Scan(mark))] == [
            item.head for item in await source.scan(Scan(mark))
        ]
    again = await copy(Side(source), Side(target))
    assert (again.copied, again.present, again.problems) == (0, len(before), [])
    assert (await verify(target, Codec())).problems == []


async def test_a_copy_into_any_backend_can_be_used(store: Store, backend: str, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    ref = {"use": backend, "options": dict(Plugins().storage(backend).sandbox(folder))}
    ids = await fill(store)
    storage = await open_storage(StorageRef(**ref), Plugins())
    report = await copy(Side(store.engine.storage), Side(storage))
    if backend == "memory":
        return
    await storage.close()
    assert report.problems == []
    async with holdall.open({"storage": ref}, clock=store.engine.clock) as there:
        assert (await there.get(ids[0])).as_dict() == (await store.get(ids[0])).as_dict()
        assert (await there.get_or_create(owner="ana", key="k1")).id == ids[1]
        await there.append(ids[1], [{"role": "user", "content": "on we go"}])
        assert (await verify(there.engine.storage, Codec())).problems == []


async def test_large_partitions_go_in_pieces_that_nobody_takes_for_whole(
    store: Store, target: ISessionStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PIECE", 2000)
    await fill(store)
    source = store.engine.storage

    class Watching(Passing):
        pieces = 0

        async def commit(self, commit: Commit) -> None:
            await super().commit(commit)
            if commit.version < 1000:
                self.pieces += 1
                assert not commit.marks
                if self.pieces == 2:
                    raise StorageFull("no room")

    watching = Watching(target)
    with pytest.raises(StorageFull):
        await copy(Side(source), Side(watching))
    assert await target.scan(Scan("recent")) != await source.scan(Scan("recent"))
    assert (await copy(Side(source), Side(watching))).problems == []
    assert watching.pieces >= 4
    assert await content(target) == await content(source)


async def test_an_unfinished_partition_is_gone_on_with_at_higher_versions(
    store: Store, target: ISessionStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it fails behind its first piece: no version of a name comes twice, dropped or not."""
    monkeypatch.setattr(copying, "_PIECE", 2000)
    await fill(store)
    source = store.engine.storage
    versions: dict[str, int] = {}

    class Growing(Passing):
        fails = 4

        async def commit(self, commit: Commit) -> None:
            if self.fails and commit.expect:
                self.fails -= 1
                raise StorageFull("no room")
            assert commit.version > versions.get(commit.partition, 0)
            await super().commit(commit)
            versions[commit.partition] = commit.version

    growing = Growing(target)
    while growing.fails:
        with pytest.raises(StorageFull):
            await copy(Side(source), Side(growing))
    assert (await copy(Side(source), Side(growing))).problems == []
    assert await content(target) == await content(source)


async def test_a_copy_that_fails_is_run_again(store: Store, target: ISessionStorage) -> None:
    await fill(store)
    source = store.engine.storage
    failing = Failing(target)
    for _ in range(3):
        failing.after = [StorageFull("no room")]
        with pytest.raises(StorageFull):
            await copy(Side(source), Side(failing))
    report = await copy(Side(source), Side(failing))
    assert (report.present, report.problems) == (3, [])
    assert await content(target) == await content(source)


async def test_a_store_that_is_written_to_is_copied_as_it_was_at_one_moment_of_each_session(
    store: Store, target: ISessionStorage
) -> None:
    """Somebody appends between what is read of the source and what is read back: it is not asked again what it has."""
    ids = await fill(store)

    class Watching(Passing):
        async def commit(self, commit: Commit) -> None:
            await super().commit(commit)
            if commit.partition == f"session/{ids[0]}":
                await store.append(ids[0], [{"role": "user", "content": "more"}])

    before = await content(store.engine.storage)
    report = await copy(Side(store.engine.storage), Side(Watching(target)))
    assert (report.copied, report.problems) == (len(before), [])
    assert await content(target) == before


async def test_what_is_read_back_otherwise_than_it_was_written_is_named(store: Store, target: ISessionStorage) -> None:
    ids = await fill(store)

    class Lying(Passing):
        async def load(self, partition: str, *spans: Span) -> Snapshot | None:
            found = await super().load(partition, *spans)
            if found is None or partition != f"session/{ids[0]}":
                return found
            return replace(found, records=dict.fromkeys(found.records, b"{}"))

    report = await copy(Side(store.engine.storage), Side(Lying(target)))
    assert report.problems == [f"session/{ids[0]}: what was written is not what is read back: its records"]


async def test_what_differs_is_named_and_never_overwritten(store: Store, target: ISessionStorage) -> None:
    ids = await fill(store)
    source = store.engine.storage
    assert (await copy(Side(source), Side(target))).problems == []
    name = f"session/{ids[1]}"
    found = await target.load(name)
    assert found is not None
    same = replace(found.head, lanes={})
    change = Commit(name, same.version, same.version + 1, same.changed, expires_at=same.expires_at)
    await target.commit(change)
    held = await content(target)
    await store.append(ids[0], [{"role": "user", "content": "more"}])
    report = await copy(Side(source), Side(target))
    assert report.problems == [  # from the last name to the first
        f"session/{ids[1]}: the target has it, but different: its version",
        f"session/{ids[0]}: the target has it, but different: its version",
    ]
    assert await content(target) == held


async def test_a_record_that_changed_under_the_same_version_is_found(store: Store, target: ISessionStorage) -> None:
    ids = await fill(store)
    lying = Tampering(store.engine.storage, f"session/{ids[1]}", ("messages/main", 7), b'{"id":"x"}')
    assert (await copy(Side(store.engine.storage), Side(target))).problems == []
    report = await copy(Side(lying), Side(target))
    assert report.problems == [f"session/{ids[1]}: the target has it, but different: its record messages/main[7]"]


class Reversing:
    """A compressor that makes every record a little smaller, to see records pass through."""

    def compress(self, data: bytes) -> bytes:
        return data.removeprefix(b'{"id":"msg_main_')[::-1]

    def decompress(self, data: bytes, limit: int) -> bytes:
        return b'{"id":"msg_main_' + data[::-1]


async def test_records_are_recoded_where_the_codecs_differ(store: Store, target: ISessionStorage) -> None:
    ids = await fill(store)
    codec = Codec(compressor=200, compressors={200: Reversing()})
    source = store.engine.storage
    only = Only(source, f"session/{ids[1]}", "originals")
    report = await copy(Side(only), Side(target, codec))
    assert report.problems == []
    stored = await content(target)
    session = stored[f"session/{ids[1]}"]
    assert session.records["messages/main", 0][:2] == bytes([1, 200])
    back = await open_storage(StorageRef(use="memory"), Plugins())
    assert (await copy(Side(target, codec), Side(back))).problems == []
    assert await content(back) == await content(only)
    assert (await copy(Side(only), Side(target, codec))).present == 1


class Only(Passing):
    """Shows one partition, without one lane."""

    def __init__(self, storage: ISessionStorage, partition: str, without: str) -> None:
        super().__init__(storage)
        self.partition = partition
        self.without = without

    def _less(self, found: Snapshot) -> Snapshot:
        lanes = {name: lane for name, lane in found.head.lanes.items() if name != self.without}
        return Snapshot(replace(found.head, lanes=lanes), found.records)

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        found = await super().load(partition, *spans)
        return None if found is None or partition != self.partition else self._less(found)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        return [self._less(found) for found in await super().scan(scan) if found.head.partition == self.partition]


@pytest.mark.parametrize(
    ("lane", "data", "problem"),
    [
        ("messages/main", None, "messages/main[1]: it is missing"),
        ("messages/main", b'{"id":', "messages/main[1]: it is not JSON"),
        ("messages/main", b'{"id":"msg_main_0000000002"}', "messages/main[1]: its id is 'msg_main_0000000002'"),
        ("messages/main", b"[]", "messages/main[1]: it is not a JSON object"),
        ("messages/main", b"\x01\x07\x00\x00", "it needs compressor 7, which is not configured"),
        ("messages/main", Damaged("page 3", "checksum"), "page 3 is damaged: checksum"),
        ("originals", b"\xff", "originals[1]: it is not UTF-8"),
        ("session", b'{"format":1}', "session[0]: it is no session record"),
        ("session", b'{"format":1,"id":"y","owner":"o","created_at":1}', "session[0]: it is the record of session 'y'"),
    ],
)
async def test_verify_names_a_bad_record(store: Store, lane: str, data: Any, problem: str) -> None:
    ids = await fill(store)
    address = (lane, 0 if lane == "session" else 1)
    report = await verify(Tampering(store.engine.storage, f"session/{ids[1]}", address, data), Codec())
    (found,) = report.problems
    assert problem in found
    assert (await verify(store.engine.storage, Codec())).problems == []


class Forgetful(Passing):
    """Loses one partition from one mark, or shows it where it does not belong."""

    def __init__(self, storage: ISessionStorage, mark: str, partition: str, *, hidden: bool) -> None:
        super().__init__(storage)
        self.mark = mark
        self.partition = partition
        self.hidden = hidden

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        found = await super().scan(scan)
        if scan.mark != self.mark:
            return found
        if self.hidden:
            return [item for item in found if item.head.partition != self.partition]
        stray = await super().load(self.partition)
        assert stray is not None
        return [Snapshot(replace(stray.head, marks={self.mark: 0})), *found]


async def test_verify_compares_marks_both_ways(store: Store) -> None:
    ids = await fill(store)
    storage = store.engine.storage
    name = f"session/{ids[1]}"
    report = await verify(Forgetful(storage, "recent", name, hidden=True), Codec())
    assert report.problems == [f"{name}: it carries mark recent, but a scan does not show it"]
    claim = next(item for item in await content(storage) if item.startswith("claim/"))
    report = await verify(Forgetful(storage, "recent", claim, hidden=False), Codec())
    assert f"{claim}: a scan of mark recent shows it, but it does not carry the mark" in report.problems


async def test_verify_takes_no_session_that_is_written_to_for_a_wrong_one(store: Store) -> None:
    """It moves in the list while that is walked: only what rests can be held against it."""
    ids = await fill(store)

    class Busy(Passing):
        scans = 0

        async def write(self) -> None:
            store.engine.clock.advance(1)  # type: ignore[attr-defined]
            await store.append(ids[0], [{"role": "user", "content": "more"}])

        async def scan(self, scan: Scan) -> Sequence[Snapshot]:
            if scan.mark != "recent" or self.scans == 4:
                return await super().scan(scan)
            self.scans += 1
            await self.write()
            found = await super().scan(scan)
            await self.write()
            return found

    busy = Busy(store.engine.storage)
    assert (await verify(busy, Codec())).problems == []
    assert busy.scans == 4


async def test_verify_looks_at_heads(target: ISessionStorage) -> None:
    lanes = {"messages/main": Lane(0, 0, rewritten=9)}
    await target.commit(Commit("session/x", 0, 5, 6, lanes, {f"m{n}": n for n in range(33)}))
    report = await verify(target, Codec())
    assert [problem.split(": ", 1)[1] for problem in report.problems] == [
        "its version is 5, and the last change 6",
        "it was rewritten at version 9, after 5",
        "it has 33 marks, over 32",
        "it has no session record",
    ]


async def test_what_a_storage_knows_to_be_damaged_is_a_problem_of_verify_and_copy():
    """A partition that a walk cannot show is told by ``faults``; neither command passes over it."""

    class Hurt(Passing):
        async def faults(self):
            return ["s/ab/abcd.jsonl: its last line is damaged"]

    memory, other = [await open_storage(StorageRef(use="memory"), Plugins()) for _ in range(2)]
    verified = await verify(Hurt(memory), Codec())
    assert verified.problems == ["s/ab/abcd.jsonl: its last line is damaged"]
    copied = await copy(Side(Hurt(memory)), Side(other))
    assert copied.problems == ["not copied whole: s/ab/abcd.jsonl: its last line is damaged"]
