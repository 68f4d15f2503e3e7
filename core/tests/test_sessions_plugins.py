"""Plugins that take part in a session's life: some may veto its creation, others are told of each step.

Covers QA-02.
"""

from __future__ import annotations

import pytest
from support.storages import Failing
from support.stores import partitions, text, user

import holdall
from holdall import Refused, StorageError
from holdall.errors import PluginError
from holdall.plugins import Plugins


class Guard:
    """Changes drafts, vetoes some, fails on others, and counts what it is shown."""

    def __init__(self):
        self.shown = 0
        self.events = []

    @holdall.hookimpl
    def holdall_creating(self, draft):
        self.shown += 1
        if draft.title == "forbidden":
            raise Refused("no such titles here")
        if draft.title == "broken":
            raise ZeroDivisionError("oops")
        if draft.title == "stolen":
            draft.owner = "eve"
        draft.tags.append("checked")
        draft.messages.insert(0, {"role": "system", "content": "be kind"})

    @holdall.hookimpl
    def holdall_observe(self, event):
        self.events.append(event)
        raise RuntimeError("observers are contained")


class Silent:
    """Declares none of the arguments that its hooks are given."""

    calls = 0

    @holdall.hookimpl
    def holdall_observe(self):
        Silent.calls += 1


@pytest.fixture
async def guarded(clock):
    plugins, guard = Plugins(), Guard()
    plugins.register(guard, "guard")
    plugins.register(Silent(), "silent")
    config = {"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}
    async with holdall.open(config, plugins=plugins, clock=clock) as store:
        yield store, guard


@pytest.mark.covers("LC-02")
async def test_a_plugin_takes_part_in_a_creation(guarded):
    store, _ = guarded
    session = await store.create(owner="ana", messages=[user("hi")])
    assert session.tags == ["checked"]
    assert text(await session.history()) == ["be kind", "hi"]


@pytest.mark.covers("LC-02")
@pytest.mark.parametrize(
    ("title", "error", "words"),
    [
        ("forbidden", Refused, "no such titles"),
        ("broken", PluginError, "plugin 'guard' failed .*oops"),
        ("stolen", PluginError, "plugin 'guard' changed the id or the owner"),
    ],
)
async def test_a_veto_or_a_failure_leaves_nothing_behind(guarded, title, error, words):
    store, guard = guarded
    for asked in ({}, {"idempotency_key": "k"}):
        with pytest.raises(error, match=words):
            await store.create(owner="ana", title=title, **asked)
    with pytest.raises(error, match=words):
        await store.get_or_create(owner="ana", key="k", title=title)
    assert await partitions(store) == []
    assert guard.events == []


@pytest.mark.covers("LC-02")
async def test_plugins_are_shown_a_creation_once_and_no_repeat(guarded):
    store, guard = guarded
    for _ in range(3):
        await store.get_or_create(owner="ana", key="k")
        await store.create(owner="ana", idempotency_key="k")
    assert guard.shown == 2


@pytest.mark.covers("LC-15")
async def test_observers_are_told_after_each_step_and_contained(guarded, clock, caplog):
    store, guard = guarded
    session = await store.create(owner="ana", ttl=60)
    message = await session.append(user())
    run = await session.log_tool("grep", status="running")
    await session.finish_tool_run(run.id)
    await session.update(title="x")
    await session.extend()
    await session.clear()
    await session.end()
    other = await store.create(owner="ana", ttl=60)
    clock.advance(100)
    await store.sweep()
    third = await store.create(owner="ana")
    await third.delete()
    told = [event.kind for event in guard.events]
    assert told == [
        "created", "appended", "appended", "updated", "updated", "extended", "cleared", "ended",
        "created", "expired", "expired", "created", "deleted",
    ]  # fmt: skip
    assert guard.events[1].messages == [message.id]
    assert {event.owner for event in guard.events} == {"ana"}
    assert [event.version for event in guard.events[:8]] == list(range(session.version - 7, session.version + 1))
    assert {event.session for event in guard.events[9:11]} == {session.id, other.id}
    assert Silent.calls >= len(told)
    assert caplog.text.count("plugin 'guard' failed to observe") == len(told)


async def test_observers_are_told_what_was_erased(guarded):
    store, guard = guarded
    session = await store.create(owner="ana")
    message = await session.append(user())
    await session.fork(name="side")
    await session.append(user(), branch="side")
    await session.redact(message.id)
    await session.purge(message=message.id)
    await session.purge(message=message.id)
    await session.delete_branch("side")
    await session.purge(branch="side")
    await session.purge()
    erased = [
        (event.kind, list(event.messages)) for event in guard.events if event.kind in ("redacted", "purged", "deleted")
    ]
    assert erased == [("redacted", [message.id]), ("purged", [message.id]), ("purged", []), ("deleted", [])]


async def test_what_was_seen_by_an_observer_is_stored_already(clock):
    seen = []

    class Watch:
        @holdall.hookimpl
        def holdall_observe(self, event):
            seen.append((event.kind, event.version))

    plugins = Plugins()
    plugins.register(Watch(), "watch")
    config = {"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}
    async with holdall.open(config, plugins=plugins, clock=clock) as store:
        failing = Failing(store.engine.storage)
        store.engine.storage = failing
        session = await store.create(owner="ana")
        failing.before.append(StorageError("full"))
        with pytest.raises(StorageError):
            await session.append(user())
    assert seen == [("created", session.version)]
