"""Moving old records to the codec of today: all of them, whoever writes meanwhile, and as often as it is stopped."""

from __future__ import annotations

import pytest
from support.deployed import ON, fill, said
from support.storages import Passing
from support.stores import text, user

from holdall.codecs import Envelope
from holdall.contract import Commit, Scan, Span
from holdall.errors import StorageFull
from holdall.transfer import reencoding
from holdall.transfer.reencoding import reencode
from holdall.transfer.verifying import verify

OFF = {"compression": {"reads": ["learning", "other"]}}
OTHER = {"compression": {"use": "other", "reads": ["learning"]}}


async def kinds(storage):
    """By which compressor and dictionary each message is written: how many."""
    found = {}
    for snapshot in await storage.scan(Scan(limit=1000, spans=(Span("messages/main"),))):
        for record in snapshot.records.values():
            envelope = Envelope() if record[:1] == b"{" else Envelope.unpack(record, "x")[0]
            kind = (envelope.compressor, envelope.dictionary.hex())
            found[kind] = found.get(kind, 0) + 1
    return found


async def seen(store, session):
    """What a client can see of a session."""
    return (await store.get(session)).as_dict(), text(await store.history(session))


@pytest.mark.covers("OP-11")
async def test_every_old_record_is_moved_and_no_client_sees_it(deployment):
    async with deployment.store() as store:
        session = await fill(store)
        await store.append(session, [user(said(40))], tools=[{"tool": "t", "result": said(1)}], key="k")
        before = await seen(store, session)
        for sections, kind in ((ON, (77, "")), (OTHER, (78, "")), (OFF, (0, "")), (ON, (77, ""))):
            storage, codec = await deployment.below(**sections)
            marks = await storage.scan(Scan("recent"))
            report = await reencode(storage, codec)
            assert report.problems == []
            assert await kinds(storage) == {kind: 41}
            assert report.written == 42
            again = await reencode(storage, codec)
            assert (again.written, again.records, again.before) == (0, report.records, report.after)
            assert [one.head.marks for one in await storage.scan(Scan("recent"))] == [one.head.marks for one in marks]
    async with deployment.store(**ON) as store:
        assert await seen(store, session) == before
        assert (
            await store.append(session, [user(said(40))], tools=[{"tool": "t", "result": said(1)}], key="k")
        ).replayed
    assert (await verify(*await deployment.below(**ON))).problems == []


@pytest.mark.covers("OP-11")
async def test_old_records_are_moved_to_a_new_dictionary(deployment):
    async with deployment.store(**ON) as store:
        session = await fill(store)
    report = await deployment.train()
    done = await reencode(*await deployment.below(**ON))
    assert done.after < done.before
    assert await kinds(deployment.storage) == {(77, report.dictionary): 40}
    async with deployment.store(**OFF) as store:
        assert text(await store.history(session)) == [said(n) for n in range(40)]
    assert (await reencode(*await deployment.below(**ON))).written == 0
    await reencode(*await deployment.below(**OFF))
    assert await kinds(deployment.storage) == {(0, ""): 40}


class Killed(BaseException):
    """The process is gone."""


class Dying(Passing):
    """Its process dies at the n-th commit, before or after it."""

    def __init__(self, storage, commits, *, after):
        super().__init__(storage)
        self.left, self.after = commits, after

    async def commit(self, commit):
        self.left -= 1
        if self.left > 0:
            return await super().commit(commit)
        if self.after:
            await super().commit(commit)
        raise Killed


@pytest.mark.covers("OP-11")
@pytest.mark.parametrize("after", [False, True])
async def test_a_sweep_that_is_killed_is_run_again_and_does_only_what_is_left(deployment, after, monkeypatch):
    monkeypatch.setattr(reencoding, "WINDOW", 10)
    monkeypatch.setattr(reencoding, "_PIECE", 1)
    monkeypatch.setattr(reencoding, "_TOGETHER", 1)
    async with deployment.store() as store:
        sessions = [await fill(store) for _ in range(2)]
    storage, codec = await deployment.below(**ON)
    with pytest.raises(Killed):
        await reencode(Dying(storage, 3, after=after), codec)
    done = 30 if after else 20
    assert await kinds(storage) == {(77, ""): done, (0, ""): 80 - done}
    async with deployment.store(**ON) as store:
        assert [text(await store.history(each)) for each in sessions] == [[said(n) for n in range(40)]] * 2
    assert (await reencode(storage, codec)).written == 80 - done
    assert await kinds(storage) == {(77, ""): 80}


@pytest.mark.covers("OP-11")
async def test_others_write_meanwhile_and_nothing_is_lost(deployment, monkeypatch):
    monkeypatch.setattr(reencoding, "WINDOW", 10)
    async with deployment.store() as store:
        session = await fill(store, 100)
        written = [said(n) for n in range(100)]

        async def write():
            await store.append(session, [user(said(len(written)))])
            written.append(said(len(written)))

        class Racing(Passing):
            """Somebody else is faster, five times."""

            left = 5

            async def commit(self, commit):
                self.left -= 1
                if self.left >= 0:
                    await write()
                await super().commit(commit)

        storage, codec = await deployment.below(**ON)
        racing = Racing(storage)
        report = await reencode(racing, codec)
        assert report.problems == []
        assert racing.left < 0
        await write()
    async with deployment.store(**ON) as store:
        assert text(await store.history(session, limit=len(written))) == written
    assert (await kinds(storage))[77, ""] >= 100
    assert len(written) == 106


async def test_a_session_that_goes_meanwhile_is_no_problem(deployment):
    async with deployment.store() as store:
        session = await fill(store)

        class Dropping(Passing):
            async def load(self, partition, *spans):
                found = await super().load(partition, *spans)
                if partition == f"session/{session}" and found is not None:
                    await super().drop(partition, expect=found.head.version)
                return await super().load(partition, *spans)

        _, codec = await deployment.below(**ON)
        assert (await reencode(Dropping(deployment.storage), codec)).problems == []


async def test_a_full_storage_stops_it_with_its_own_error(deployment):
    async with deployment.store() as store:
        await fill(store)

    class Full(Passing):
        async def commit(self, commit):
            raise StorageFull("no room")

    _, codec = await deployment.below(**ON)
    with pytest.raises(StorageFull, match="no room"):
        await reencode(Full(deployment.storage), codec)


async def test_what_cannot_be_read_is_named_and_left(deployment):
    async with deployment.store(**ON) as store:
        session = await fill(store)
    partition = f"session/{session}"
    head = (await deployment.storage.load(partition)).head
    write = {("messages/main", 7): Envelope(99).pack(b"x")}
    await deployment.storage.commit(Commit(partition, head.version, head.version + 1, head.changed, write=write))
    report = await reencode(*await deployment.below(**OTHER))
    assert report.written == 39
    (problem,) = report.problems
    assert "messages/main[7] cannot be read: it needs compressor 99" in problem
