"""Dictionaries that are kept in the store: trained, rotated, found again, and there before any record that needs one."""

from __future__ import annotations

import logging
import re

import pytest
from support.deployed import ON, Deployment, fill, said
from support.learning import TAG
from support.storages import Passing, everything
from support.stores import text, user

from holdall import opening
from holdall.cli import main
from holdall.codecs import Envelope
from holdall.codecs.dictionaries import id_of
from holdall.codecs.knowing import KnowingStorage, dictionary_partitions, keep
from holdall.contract import Commit, Span
from holdall.errors import CodecError, SettingsError
from holdall.plugins import Plugins
from holdall.settings import StorageRef
from holdall.transfer.copying import Side, copy
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify
from holdall.transfer.windows import heads

READS = {"compression": {"reads": ["learning", "other"]}}


async def stored(deployment, session, position=-1):
    """A message as it lies in the storage."""
    snapshot = await deployment.storage.load(f"session/{session}", Span("messages/main", position))
    return next(iter(snapshot.records.values()))


def dictionary_of(record):
    return Envelope.unpack(record, "x")[0].dictionary.hex()


@pytest.mark.covers("OP-11")
async def test_a_trained_dictionary_is_used_from_then_on_and_found_by_everybody(deployment):
    async with deployment.store(**ON) as server:
        session = await fill(server)
        before = await stored(deployment, session)
        report = await deployment.train()
        assert report.new < report.without
        await server.append(session, [user(said(40))])
        assert dictionary_of(await stored(deployment, session)) == ""  # this process has not looked yet
        async with deployment.store(**ON) as other:
            await other.append(session, [user(said(41))])
        record = await stored(deployment, session)
        assert dictionary_of(record) == report.dictionary
        assert len(record) < len(before)
        assert text(await server.history(session, limit=3)) == [said(39), said(40), said(41)]
    async with deployment.store(**READS) as store:
        assert text(await store.history(session, limit=3)) == [said(39), said(40), said(41)]
        await store.append(session, [user(said(42))])
        assert said(42).encode() in await stored(deployment, session)


@pytest.mark.covers("OP-11")
async def test_a_running_server_takes_a_new_dictionary_up_with_its_next_sweep(deployment):
    async with deployment.store(**ON) as server:
        session = await fill(server)
        report = await deployment.train()
        await server.engine.storage.refresh()
        await server.append(session, [user(said(40))])
        assert dictionary_of(await stored(deployment, session)) == report.dictionary


@pytest.mark.covers("OP-11")
async def test_dictionaries_are_rotated_and_old_records_keep_theirs(deployment):
    async with deployment.store(**ON) as store:
        session = await fill(store)
    first = await deployment.train()
    async with deployment.store(**ON) as store:
        for turn in range(5):
            many = [user(f"now they talk about something else, {turn} {n}") for n in range(80)]
            await store.create(owner="ana", messages=many)
        await store.append(session, [user(said(40))])
    second = await deployment.train(seed=2)
    assert second.dictionary not in {None, first.dictionary}
    assert second.present is not None
    async with deployment.store(**ON) as store:
        await store.append(session, [user(said(41))])
        assert [dictionary_of(await stored(deployment, session, at)) for at in (39, 40, 41)] == [
            "",
            first.dictionary,
            second.dictionary,
        ]
        assert text(await store.history(session, limit=3)) == [said(39), said(40), said(41)]
    assert (await verify(*await deployment.below(**READS))).problems == []


async def test_what_does_no_better_is_not_kept(deployment):
    async with deployment.store(**ON) as store:
        await fill(store, 200)
    assert (await deployment.train(seed=1)).dictionary is not None
    again = await deployment.train(seed=1)
    assert again.dictionary is None
    assert again.new == again.present


async def test_the_same_dictionary_is_kept_once_however_often_it_comes_to_be_used(deployment):
    storage, codec = await deployment.below(**ON)
    one, two = b"the quick brown fox", b"the lazy dog"
    for each in (one, two, one):
        deployment.clock.advance(1)
        await keep(storage, codec, deployment.clock, each)
    fresh, reading = await deployment.below(**ON)
    assert isinstance(fresh, KnowingStorage)
    assert reading.dictionaries.current == id_of(one)
    names = [head for each in (one, two) for head in dictionary_partitions(id_of(each))]
    assert [(await storage.load(name)).head.lanes["dictionary"].stop for name in names] == [1, 1, 1, 1]


@pytest.mark.parametrize("compressing", [True, False])
async def test_nothing_to_learn_from_is_told(deployment, compressing):
    async with deployment.store() as store:
        await store.create(owner="ana", messages=[user("hi")])
    sections = ON if compressing else {"compression": {"reads": ["learning"]}}
    with pytest.raises(SettingsError, match="too few" if compressing else "needs a compressor that takes one"):
        await deployment.train(**sections)


@pytest.mark.parametrize(
    ("skip", "words"),
    [
        ("tool", "sessions have no lane 'tool'; did you mean 'tools'?"),
        ("message/main", "no lane 'message/main'; did you mean 'messages/main'?"),
        ("messages/", "no lane 'messages/'"),
    ],
)
async def test_a_lane_to_skip_that_no_session_has_is_refused(deployment, skip, words):
    with pytest.raises(SettingsError, match=re.escape(words)):
        async with deployment.store(compression={"use": "learning", "skip": [skip]}):
            pytest.fail("it opened")


async def test_every_lane_of_a_session_may_be_skipped(deployment):
    async with deployment.store() as store:
        session = await store.create(owner="ana", messages=[user(said(1))])
        await store.append(session.id, [user("x")], tools=[{"tool": "t"}], originals=["o"], key="k")
        await store.edit(session.id, "msg_main_0000000000", {"content": "other"})
        await store.fork(session.id, name="retry", switch=True)
        await store.append(session.id, [user("y")])
        await store.totals(session.id)
        await store.switch(session.id, "main")
        await store.delete_branch(session.id, "retry")
        lanes = [*(await deployment.storage.load(f"session/{session.id}")).head.lanes]
    assert len(lanes) >= 8
    async with deployment.store(compression={"use": "learning", "skip": lanes}) as store:
        assert text(await store.history(session.id)) == ["other", "x"]


@pytest.mark.req("SEC-CRY-07")
async def test_metadata_and_keys_are_never_compressed_nor_learned_from(deployment):
    async with deployment.store(compression={"use": "learning", "skip": ["tools"]}) as store:
        many = [user(said(n)) for n in range(40)]
        session = await store.create(owner="ana", metadata={"token": "sesame " * 20}, messages=many)
        await store.append(session.id, [user(said(1))], tools=[{"tool": "hammer " * 20}], key="k" * 60)
        await store.get_or_create(owner="ana", key="mine")
    found = await everything(deployment.storage)
    assert b"sesame sesame" in found
    assert b"hammer hammer" in found
    (key,) = (await deployment.storage.load(f"session/{session.id}", Span("keys"))).records.values()
    assert key[:1] == b"{"
    assert b"quick brown fox" not in found
    storage, codec = await deployment.below(compression={"use": "learning", "skip": ["tools"]})
    dictionary = bytes.fromhex((await deployment.train(compression={"use": "learning", "skip": ["tools"]})).dictionary)
    content = (await storage.load(dictionary_partitions(dictionary)[0], Span("dictionary"))).records["dictionary", 0]
    assert b"fox" in codec.decode("x", ("dictionary", 0), content)
    assert b"sesame" not in content
    assert b"hammer" not in content


@pytest.mark.covers("OP-11", "LC-10")
async def test_a_store_that_has_a_dictionary_takes_in_the_sessions_of_one_that_has_another(deployment):
    session, first = await trained(deployment)
    other = Deployment(await opening.open_storage(StorageRef("memory"), Plugins()), deployment.clock)
    async with other.store(**ON) as store:
        await store.create(owner="ana", messages=[user(f"others say other things, {n}") for n in range(60)])
    deployment.clock.advance(1)
    second = bytes.fromhex((await other.train()).dictionary)
    assert first != second
    report = await copy(Side(*await deployment.below(**ON)), Side(*await other.below(**ON)))
    assert report.problems == []
    _, codec = await other.below(**ON)
    assert codec.dictionaries.current == second
    async with other.store(**ON) as store:
        assert text(await store.history(session, limit=1)) == [said(40)]
    assert (await verify(*await other.below(**ON))).problems == []


@pytest.mark.covers("LC-10")
async def test_a_copy_by_another_compressor_leaves_dictionaries_behind(deployment):
    session, _ = await trained(deployment)
    other = Deployment(await opening.open_storage(StorageRef("memory"), Plugins()), deployment.clock)
    report = await copy(Side(*await deployment.below(**ON)), Side(*await other.below()))
    assert report.problems == []
    assert [head.partition async for head in heads(other.storage)] == [f"session/{session}"]
    async with other.store() as store:
        assert text(await store.history(session, limit=1)) == [said(40)]


@pytest.mark.req("SEC-CRY-07")
@pytest.mark.parametrize(("wanted", "used"), [(None, False), (True, True), (False, False)])
async def test_with_encryption_dictionaries_are_for_reading_unless_they_are_wanted(deployment, wanted, used):
    _, dictionary = await trained(deployment)
    settings = deployment.settings(
        {"compression": {"use": "learning", "dictionaries": wanted}, "encryption": {"use": "any"}}
    )
    codec = opening.codec_of(settings, deployment.plugins)
    storage = await opening.decodable(deployment.storage, codec, settings)
    assert codec.dictionaries.current == (dictionary if used else b"")
    assert (await verify(storage, codec)).problems == []


@pytest.mark.req("SEC-CRY-07")
@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ('[encryption]\nuse = "any"', "compression.dictionaries: with encryption they are used only when this is true"),
        ("[compression]\ndictionaries = false", "a dictionary would not be used"),
        ("", "needs a compressor that takes one"),
    ],
)
def test_a_dictionary_that_nobody_would_use_is_not_trained(sections, words, tmp_path, capsys):
    config = tmp_path / "holdall.toml"
    config.write_text(f'[storage]\nuse = "memory"\n{sections}\n')
    assert main(["--config", str(config), "train"]) == 2
    assert words in capsys.readouterr().err


# --- what is lost, and what is not ----------------------------------------------------------------------------------


async def spoil(deployment, partition, lane="dictionary"):
    """Flip a bit of a stored record."""
    snapshot = await deployment.storage.load(partition, Span(lane))
    head, record = snapshot.head, snapshot.records[lane, 0]
    write = {(lane, 0): record[:-1] + bytes([record[-1] ^ 1])}
    await deployment.storage.commit(
        Commit(partition, head.version, head.version + 1, head.changed, expires_at=head.expires_at, write=write)
    )


async def trained(deployment):
    async with deployment.store(**ON) as store:
        session = await fill(store)
    report = await deployment.train()
    async with deployment.store(**ON) as store:
        await store.append(session, [user(said(40))])
    return session, bytes.fromhex(report.dictionary)


@pytest.mark.covers("OP-11")
@pytest.mark.parametrize("which", [0, 1])
async def test_a_dictionary_that_lost_a_bit_is_read_from_its_second_copy_and_repaired(deployment, which, caplog):
    session, dictionary = await trained(deployment)
    partition = dictionary_partitions(dictionary)[which]
    await spoil(deployment, partition)
    async with deployment.store(**ON) as store:
        assert text(await store.history(session, limit=1)) == [said(40)]
    assert ("a copy of a dictionary is lost" in caplog.text) == (which == 0)
    problems = (await verify(*await deployment.below(**ON))).problems
    assert problems == [f"{partition} dictionary[0]: it is not the dictionary of that name"]
    storage, codec = await deployment.below(**ON)
    for apply in (False, True):
        report = await repair(storage, codec, apply=apply, owner="ana")
        assert report.storage == [f"{partition}: a copy of a dictionary is lost; it is made again from the other one"]
        assert (report.losses, report.left) == ([], [])
        assert bool((await verify(storage, codec)).problems) == (not apply)
    head = (await deployment.storage.load(partition)).head
    await deployment.storage.drop(partition, expect=head.version)
    assert len((await repair(storage, codec, apply=True, owner="ana")).storage) == 1
    assert (await repair(storage, codec, apply=True, owner="ana")).storage == []


@pytest.mark.covers("OP-11")
async def test_without_its_dictionary_a_record_is_named_and_the_others_are_read(deployment, caplog):
    caplog.set_level(logging.ERROR)
    session, dictionary = await trained(deployment)
    for partition in dictionary_partitions(dictionary):
        await spoil(deployment, partition)
    async with deployment.store(**ON) as store:
        with pytest.raises(CodecError, match=rf"messages/main\[40\].*needs dictionary {dictionary.hex()}"):
            await store.history(session, limit=1)
        assert text(await store.history(session, limit=2, before="msg_main_0000000040")) == [said(38), said(39)]
        await store.append(session, [user(said(41))])
        assert text(await store.history(session, after="msg_main_0000000040")) == [said(41)]
    storage, codec = await deployment.below(**ON)
    report = await repair(storage, codec, apply=True, owner="ana")
    assert report.left == [
        f"dictionary {dictionary.hex()} is lost, both copies: what was compressed with it is unreadable"
    ]


async def test_a_lost_list_of_dictionaries_costs_no_record(deployment, caplog):
    session, _ = await trained(deployment)
    await spoil(deployment, "dictionaries", "dictionaries")
    async with deployment.store(**ON) as store:
        assert "the list of dictionaries cannot be read" in caplog.text
        await store.append(session, [user(said(41))])
        assert text(await store.history(session, limit=2)) == [said(40), said(41)]
    storage, codec = await deployment.below(**ON)
    assert (await repair(storage, codec, apply=True, owner="ana")).left != []


# --- killed between its steps ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


class Dying(Passing):
    """A storage whose process dies at its n-th commit: before it, or when it is stored."""

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


async def sound(deployment):
    """Whether everything can be read, written, and trained again."""
    problems = (await verify(*await deployment.below(**READS))).problems
    async with deployment.store(**ON) as store:
        session = await fill(store)
        if text(await store.history(session)) != [said(n) for n in range(40)]:
            problems.append("what was written is not what is read")
    return problems


@pytest.mark.covers("OP-11")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("commits", [1, 2, 3])
async def test_a_training_that_is_killed_at_any_commit_leaves_a_sound_store(deployment, commits, after):
    async with deployment.store(**ON) as store:
        await fill(store)
    storage, codec = await deployment.below(**ON)
    dictionary = b"the quick brown fox jumps over the lazy dog for the"
    with pytest.raises(Killed):
        await keep(Dying(storage, commits, after=after), codec, deployment.clock, dictionary)
    assert await sound(deployment) == []
    used = (await deployment.below(**ON))[1].dictionaries.current
    assert used == (id_of(dictionary) if (commits, after) == (3, True) else b"")
    deployment.clock.advance(1)
    await keep(*await deployment.below(**ON), deployment.clock, dictionary)
    assert await sound(deployment) == []
    assert (await deployment.below(**ON))[1].dictionaries.current == id_of(dictionary)


async def test_the_control_a_record_before_its_dictionary_is_noticed(deployment):
    """What the test above would find if a dictionary were used before it is stored."""
    storage, codec = await deployment.below(**ON)
    dictionary = b"the quick brown fox jumps over the lazy dog for the"
    codec.dictionaries.add(dictionary)
    codec.dictionaries.use(TAG, id_of(dictionary), codec.compressors[TAG])
    version, address = deployment.clock.now(), ("notes", 0)
    write = {address: codec.encode("control", address, version, b'"' + dictionary * 3 + b'"')}
    from holdall.contract import Lane  # noqa: PLC0415 - only here

    await storage.commit(Commit("control", 0, version, version, {"notes": Lane(0, 1, version)}, write=write))
    with pytest.raises(Killed):
        await keep(Dying(storage, 1, after=False), codec, deployment.clock, dictionary)
    (problem,) = await sound(deployment)
    assert "control notes[0]" in problem
    assert "needs dictionary" in problem
