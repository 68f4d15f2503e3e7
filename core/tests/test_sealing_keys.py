"""Changing the key that wraps data keys: while servers run, stopped anywhere, until nothing needs the old one.

Covers SE-10, XX-07.
"""

from __future__ import annotations

import pytest
from support.sealed import Fixed, sealed
from support.storages import Counting, Passing
from support.stores import on, text, user

from holdall.contract import Scan
from holdall.errors import CodecError, SettingsError
from holdall.sealing.names import KEY, KEYS, STORE
from holdall.transfer.keys import rotate, used
from holdall_memory import MemorySessionStorage

pytestmark = pytest.mark.req("SEC-CRY-03")
OLD, NEW = "11" * 32, "22" * 32
BOTH = f"{NEW} {OLD}"


class Stopped(Passing):
    """Takes a number of commits of wrapped keys, and then no more."""

    def __init__(self, storage, commits):
        super().__init__(storage)
        self.left = commits

    async def commit(self, commit):
        if commit.partition.startswith(KEYS) or commit.partition == STORE:
            if not self.left:
                raise OSError("it was killed")
            self.left -= 1
        await super().commit(commit)


@pytest.fixture
async def filled(clock):
    """A storage of 300 sessions, and their names."""
    below = MemorySessionStorage()
    store = on(await sealed(below, Fixed(OLD), clock=clock), clock, shreds=True)
    names = [(await store.create(owner="ana", messages=[user(f"{n}")])).id for n in range(300)]
    return below, names


async def reads(below, source, names, clock):
    store = on(await sealed(below, Fixed(source), clock=clock), clock)
    return [text(await store.history(name)) for name in names]


async def test_only_wrapped_keys_are_written_anew(filled, clock):
    """Tried with a rotation that finds nothing to do: the old key is still needed."""
    below, names = filled
    before = {one.head.partition: one.head.version for one in await below.scan(Scan(limit=1000))}
    counting = Counting(below)
    report = await rotate(counting, Fixed(BOTH), clock)
    assert (report.rewrapped, report.old, report.problems) == (301, {}, [])
    assert counting.calls["commit"] == 301
    after = {one.head.partition: one.head.version for one in await below.scan(Scan(limit=1000))}
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {name for name in before if name.startswith(KEYS) or name == STORE}
    assert await reads(below, NEW, names, clock) == [[f"{n}"] for n in range(300)]
    with pytest.raises(CodecError, match="which is not there"):
        await sealed(below, Fixed(OLD), clock=clock)
    assert (await rotate(counting, Fixed(BOTH), clock)).rewrapped == 0


@pytest.mark.parametrize("commits", [0, 1, 150, 299, 300])
async def test_stopped_anywhere_both_keys_read_everything_and_it_is_simply_run_again(filled, clock, commits):
    """Tried with a rotation that writes the store's key first: the old key alone opens nothing any more."""
    below, names = filled
    with pytest.raises(OSError, match="killed"):
        await rotate(Stopped(below, commits), Fixed(BOTH), clock)
    expected = [[f"{n}"] for n in range(300)]
    for source in (BOTH, f"{OLD} {NEW}"):
        assert await reads(below, source, names, clock) == expected
    left = await used(below, Fixed(BOTH))
    assert sum(left.old.values()) == 301 - commits
    report = await rotate(below, Fixed(BOTH), clock)
    assert (report.rewrapped, report.old) == (301 - commits, {})
    assert await reads(below, NEW, names, clock) == expected


async def test_servers_write_meanwhile_and_what_they_wrap_by_the_old_key_is_told(filled, clock):
    below, names = filled
    server = on(await sealed(below, Fixed(f"{OLD} {NEW}"), clock=clock), clock, shreds=True)

    class Meanwhile(Passing):
        async def commit(self, commit):
            await super().commit(commit)
            if commit.partition.startswith(KEYS) and self.inner is below and not names[300:]:
                names.append((await server.create(owner="ana", messages=[user("300")])).id)
                await server.append(names[0], [user("more")])
                await server.delete(names[1])

    report = await rotate(Meanwhile(below), Fixed(BOTH), clock)
    assert sum(report.old.values()) <= 1
    assert (await rotate(below, Fixed(BOTH), clock)).old == {}
    names.pop(1)
    texts = await reads(below, NEW, names, clock)
    assert texts[0] == ["0", "more"]
    assert texts[-1] == ["300"]


@pytest.mark.parametrize("minutes", [0, 60])
async def test_a_key_that_is_stored_where_the_sweep_had_passed_is_told(filled, clock, minutes):
    """By a server that was not told of the new key. Tried without looking for what was stored lately: none is told."""
    below, _ = filled
    clock.advance(60 * minutes)
    server = on(await sealed(below, Fixed(OLD), clock=clock), clock, shreds=True)
    counting = Counting(below)

    class Meanwhile(Passing):
        async def commit(self, commit):
            await super().commit(commit)
            if commit.partition == STORE:  # the last of all
                for n in range(3):
                    await server.create(owner="ana", messages=[user(f"late {n}")])

    report = await rotate(Meanwhile(counting), Fixed(BOTH), clock)
    assert (report.rewrapped, sum(report.old.values()), report.problems) == (301, 3, [])
    assert (report.wrapped, report.old) == ((counted := await used(below, Fixed(BOTH))).wrapped, counted.old)
    if minutes:  # only what is new is looked at
        assert counting.calls["heads"] == 2 * 256 + 3
    again = await rotate(below, Fixed(BOTH), clock)
    assert (again.rewrapped, again.old) == (3, {})


async def test_a_key_that_is_missing_is_named_and_stops_nothing_else(filled, clock):
    below, _ = filled
    third = on(await sealed(below, Fixed(f"{'33' * 32} {OLD}"), clock=clock), clock)
    lost = (await third.create(owner="ana")).id
    report = await rotate(below, Fixed(BOTH), clock)
    assert report.rewrapped == 301
    assert list(report.old.values()) == [1]
    (problem,) = report.problems
    assert problem.startswith(f"the data key of session/{lost}: it is wrapped by the key ")
    assert KEY in problem


async def test_two_processes_that_begin_an_encrypted_store_at_once_both_open_it(deployment, monkeypatch):
    """What the second one finds in the storage then is no plaintext: it is what the first one began."""
    monkeypatch.setenv("BEGUN_AT_ONCE", OLD)
    source = {"use": "env", "options": {"variable": "BEGUN_AT_ONCE"}}
    sections = {"encryption": {"use": "aesgcm", "keys": source}}
    scan, others = deployment.storage.scan, []

    async def late(asked):
        monkeypatch.setattr(deployment.storage, "scan", scan)
        others.append(await deployment.vault(**sections))
        return await scan(asked)

    monkeypatch.setattr(deployment.storage, "scan", late)
    await deployment.vault(**sections)
    assert others, "the control: it came between"
    async with deployment.store(**sections) as store:
        await store.create(owner="ana")


async def test_a_store_with_plaintext_is_not_begun(deployment, monkeypatch):
    monkeypatch.setenv("BEGUN_AT_ONCE", OLD)
    async with deployment.store() as store:
        await store.create(owner="ana")
    with pytest.raises(SettingsError, match="holds plaintext"):
        await deployment.vault(
            encryption={"use": "aesgcm", "keys": {"use": "env", "options": {"variable": "BEGUN_AT_ONCE"}}}
        )
