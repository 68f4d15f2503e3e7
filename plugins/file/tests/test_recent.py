"""Lists from memory: right whoever writes, and whatever is emptied, removed or damaged meanwhile."""

from __future__ import annotations

import asyncio
import errno
import itertools
import multiprocessing
import os
import random
import secrets
from pathlib import Path

import pytest

from holdall.contract import Scan, Span
from holdall.errors import Conflict, StorageError
from holdall.testing.model import Model
from holdall.testing.steps import BORN, Step
from holdall_file import FileSessionStorage, FileSettings, intents, recent, scanning, windows

spawn = multiprocessing.get_context("spawn")
SPANS = (Span("session", -1),)


@pytest.fixture
def small(monkeypatch):
    """Everything that is bounded is small, so that its bounds are met all the time."""
    for module, name, value in (
        (intents, "ROTATE", 3000), (recent, "_NEWS", 900), (recent, "_KNOWN", 8), (recent, "_MARKS", 2),
        (recent, "_KINDS", 2), (windows, "_WIDEST", 12), (scanning, "_ROWS", 1), (scanning, "_LONGEST", 20),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


class Play:
    """Random steps on stores that share a folder, and scans of all of them held against a model."""

    def __init__(self, seed, folder, stores):
        self.rng = random.Random(seed)
        self.folder = folder
        self.stores = stores
        self.model = Model()
        self.version = BORN
        self.names = [f"p{n}" for n in range(14)]
        self.marks = ["m0", "m1", "m2"]

    async def step(self, monkeypatch):
        name, store = self.rng.choice(self.names), self.rng.choice(self.stores)
        head, chance = self.model.heads.get(name), self.rng.random()
        self.version += self.rng.randrange(1, 4)
        if head is not None and chance < 0.1:
            await store.drop(name, expect=head.version)
            self.model.drop(name, expect=head.version)
            return
        commit = self.commit(name, head)
        if chance < 0.2:
            await self.failing(store, commit, monkeypatch)
        elif head is not None and chance < 0.25:
            with pytest.raises(Conflict):
                await store.commit(Step(name, version=self.version).mark("m0", 9).build())
        else:
            await store.commit(commit)
            self.model.commit(commit)

    def commit(self, name, head):
        step = Step(name, version=self.version) if head is None else Step(head, version=self.version)
        record = b'{"n":%d}' % self.rng.randrange(1000)
        if head is None or "session" not in head.lanes:
            step.append("session", record)
        elif self.rng.random() < 0.3:
            step.rewrite("session", 0, record)
        elif self.rng.random() < 0.1:
            step.remove("session")
        else:
            step.append("messages/main", record)
        for mark in self.rng.sample(self.marks, self.rng.randrange(4)):
            step.mark(mark, self.rng.choice([None, *range(8)]))
        return step.build()

    async def failing(self, store, commit, monkeypatch):
        """Its entry is written down, and it never comes to be."""

        write = os.pwrite

        def fail(fd, data, offset):
            if "/store/s/" in str(Path(f"/proc/self/fd/{fd}").readlink()):
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(fd, data, offset)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", fail)
            with pytest.raises(StorageError):
                await store.commit(commit)

    def harm(self):
        """What an operator, or a disk, may do to what is derived."""
        name = self.rng.choice(["catalog.db", "catalog.db-wal", "catalog.log", "truncate", "garbage"])
        if name == "truncate":
            os.truncate(self.folder / "catalog.log", self.rng.choice([0, 10, 64]))  # its first line is harmed
        elif name == "garbage":
            with (self.folder / "catalog.log").open("r+b") as log:
                log.write(b"garbage\n" * 30)
        elif name.startswith("catalog.db"):
            for path in self.folder.glob("catalog.db*"):
                path.unlink()
        else:
            (self.folder / name).unlink()

    async def check(self):
        mark = self.rng.choice([*self.marks, *self.marks, None])
        after = None
        if self.rng.random() < 0.4:
            after = (self.rng.randrange(8) if mark else 0, self.rng.choice(self.names))
        scan = Scan(
            mark, after, self.rng.choice([1, 2, 3, 5, 30]), descending=self.rng.random() < 0.8,
            spans=self.rng.choice([SPANS, SPANS, (Span("session", -1),), (), (Span("messages/main", -2),)]),
        )  # fmt: skip
        for store in self.stores:
            got, want = list(await store.scan(scan)), self.model.scan(scan)
            assert [(one.head.marks.get(mark or ""), one.head.partition, one.head.version) for one in got] == [
                (one.head.marks.get(mark or ""), one.head.partition, one.head.version) for one in want
            ], scan
            assert got == want, scan


@pytest.mark.parametrize("harm", [False, True])
async def test_random_steps_in_two_stores(open_store, tmp_path, monkeypatch, small, harm):
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print("seed", seed)
    play = Play(seed, tmp_path / "store", [await open_store(open_sessions=8), await open_store()])
    for turn in range(500):
        await play.step(monkeypatch)
        if harm and turn % 25 == 24:
            play.harm()
        if play.rng.random() < 0.7:
            await play.check()


async def test_a_log_cut_behind_its_first_line_is_noticed_by_verify_and_mended_by_repair(open_store, filled, tmp_path):
    """What was not merged yet is gone then, and nothing in the log says that it was there."""
    store = await open_store()
    await filled(store, "a", 1)
    await store.scan(Scan("recent"))
    merged = (tmp_path / "store" / "catalog.log").stat().st_size
    await filled(store, "b", 2)
    await store.close()
    os.truncate(tmp_path / "store" / "catalog.log", merged)
    store = await open_store()
    assert [one.head.partition for one in await store.scan(Scan("recent"))] == ["a"]
    assert [fault for fault in await store.faults() if "catalog" in fault]
    await store.repair(apply=True)
    assert [one.head.partition for one in await store.scan(Scan("recent"))] == ["a", "b"]


async def test_a_log_that_was_emptied_tells_of_what_comes_next(open_store, filled, tmp_path):
    """It has no first line then: what stands in the place of one is told like everything else."""
    store = await open_store()
    for n in range(3):
        await filled(store, f"s{n}", n)
    await store.scan(Scan("recent"))
    os.truncate(tmp_path / "store" / "catalog.log", 0)
    await store.scan(Scan("recent"))
    for n in range(3):
        await store.commit(Step((await store.load(f"s{n}")).head).mark("recent", 9 - n).build())
    for _ in range(2):  # the first one also finds what has left its place
        assert [one.head.partition for one in await store.scan(Scan("recent"))] == ["s2", "s1", "s0"]


async def test_what_another_store_acknowledged_is_listed_at_once(open_store, filled):
    """Also from memory: created, moved to the front, given up, removed and made again."""
    store, other = await open_store(), await open_store()
    for n in range(5):
        await filled(store, f"s{n}", n)
    newest = Scan("recent", None, 3, descending=True, spans=SPANS)
    for _ in range(2):
        assert [one.head.partition for one in await other.scan(newest)] == ["s4", "s3", "s2"]
    step = Step((await store.load("s0")).head).mark("recent", 100).append("session", b'"new"')
    await store.commit(step.build())
    first = (await other.scan(newest))[0]
    assert (first.head.partition, first.records) == ("s0", {("session", 1): b'"new"'})
    await store.commit(Step(first.head).mark("recent", None).build())
    assert [one.head.partition for one in await other.scan(newest)] == ["s4", "s3", "s2"]
    await store.drop("s4", expect=(await store.load("s4")).head.version)
    assert [one.head.partition for one in await other.scan(newest)] == ["s3", "s2", "s1"]
    await store.commit(Step("s4", version=BORN * 2).mark("recent", 50).append("session", b'"again"').build())
    again = (await other.scan(newest))[0]
    assert (again.head.partition, again.head.version, again.records) == ("s4", BORN * 2, {("session", 0): b'"again"'})


async def test_an_entry_of_a_failed_commit_does_not_displace_the_right_one(open_store, filled, monkeypatch):
    """The next commit has the same version, leaves the mark alone, and the one after it tells that it was decided."""
    store = await open_store(durability="process")
    await filled(store, "s", 3)
    head = (await store.load("s")).head
    play = Play(0, store._opened.folder.path, [store])
    await play.failing(store, Step(head).mark("recent", 99).append("session", b"1").build(), monkeypatch)
    for _ in range(2):
        commit = Step(head).append("messages/main", b"1").build()
        await store.commit(commit)
        head = commit.onto(head)
    for descending in (False, True):
        found = await store.scan(Scan("recent", descending=descending))
        assert [one.head for one in found] == [head]
    assert head.marks == {"recent": 4}


async def test_a_removal_without_room_for_its_entry(open_store, filled, monkeypatch):
    """Everybody is told to look anew by bytes that are there already."""
    store, other = await open_store(), await open_store()
    await filled(store, "a", 1)
    await filled(store, "b", 2)
    newest = Scan("recent", None, 3, descending=True, spans=SPANS)
    for _ in range(2):
        assert len(await other.scan(newest)) == 2
    version = (await store.load("b")).head.version

    def full(_self, _intents, **_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(intents.Intents, "append", full)
        await store.drop("b", expect=version)
    for one in (store, other):
        assert [found.head.partition for found in await one.scan(newest)] == ["a"]


def churning(path, seed, told, enough):
    """Writes, deletes and empties the log until it is enough; says what was acknowledged, before and after each step."""
    intents.ROTATE = 20_000

    async def run():
        rng = random.Random(seed)
        store = await FileSessionStorage.open(FileSettings(path=path, durability="process"))
        heads = {}
        for turn in itertools.takewhile(lambda turn: turn < 1500 or not enough.is_set(), itertools.count()):
            name = f"p{rng.randrange(40)}"
            head = heads.get(name)
            if head is not None and rng.random() < 0.1:
                told.put(("going", name, head.version))
                await store.drop(name, expect=head.version)
                del heads[name]
                told.put(("gone", name, head.version))
                continue
            step = Step(name, version=BORN + turn) if head is None else Step(head, version=BORN + turn)
            commit = step.append("session", b"%d" % turn).mark("recent", turn).build()
            told.put(("commit", name, commit.version))
            await store.commit(commit)
            heads[name] = commit.onto(head)
            told.put(("done", name, commit.version))
        told.put(("end", "", 0))
        await store.close()

    asyncio.run(run())


def compare(listed, acked, quiet):
    """Nothing older than acknowledged; and of those that nothing happened to, each where it belongs, or gone."""
    scores = [one.head.marks["recent"] for one in listed]
    assert scores == sorted(scores, reverse=True)
    shown = {one.head.partition: one for one in listed}
    for name, one in shown.items():
        assert one.head.version >= acked.get(name, 0), "older than acknowledged"
        assert list(one.records.values()) == [b"%d" % (one.head.version - BORN)]
    oldest = scores[-1] if len(scores) == 30 else -1
    for name in quiet:
        if not acked[name]:
            assert name not in shown, "removed, and listed"
        elif acked[name] - BORN > oldest:
            assert name in shown, "acknowledged, and not listed"


async def test_a_list_while_another_process_writes_deletes_and_empties_the_log(open_store, tmp_path):
    """Each list shows what was acknowledged before it, or something newer."""
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print("seed", seed)
    store, told = await open_store(durability="process"), spawn.SimpleQueue()  # what was told is there before the step
    enough = spawn.Event()
    child = spawn.Process(target=churning, args=(tmp_path / "store", seed, told, enough))
    child.start()
    acked, heard, lists = {}, {}, 0

    def learn(block):
        while block or not told.empty():
            kind, name, version = told.get()
            block = False
            if kind == "end":
                return True
            heard[name] = heard.get(name, 0) + 1
            if kind in ("done", "gone"):
                acked[name] = 0 if kind == "gone" else version
        return False

    ended = learn(block=True)
    while not ended:
        ended = learn(block=False)
        before, until = dict(acked), dict(heard)
        listed = await store.scan(Scan("recent", None, 30, descending=True, spans=(Span("session", -1),)))
        ended = learn(block=False) or ended
        lists += 1
        if lists > 20:
            enough.set()
        quiet = {name for name, count in heard.items() if count == until.get(name) and count % 2 == 0}
        compare(listed, before, quiet & before.keys())
    child.join()
    assert child.exitcode == 0
    found = await store.scan(Scan("recent", None, 100, descending=True))
    assert {one.head.partition: one.head.version for one in found} == {n: v for n, v in acked.items() if v}
