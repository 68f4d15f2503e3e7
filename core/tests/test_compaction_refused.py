"""What of a compaction is refused: to those who may not, of plugins that may not, and what is configured wrong."""

from __future__ import annotations

import pytest
from support.compacting import turns, with_compactors
from support.stores import beside, user

import holdall
from holdall import Conflict, Ended, Invalid, NotFound, PluginError, Principal, SettingsError
from holdall.hooks import CompactorOffer, NoSettings, hookimpl
from holdall.plugins import Plugins
from holdall.sessions.compaction import Choice


@pytest.fixture
async def store(storage_options, clock):
    async with with_compactors(storage_options, clock) as opened:
        yield opened


@pytest.mark.covers("CV-10", "CV-13")
async def test_what_is_refused(store):
    session = await store.create(owner="ana", messages=list(turns(10)))
    eve = store.acting_as(Principal("eve"))
    for refused in (
        eve.compact(session.id), eve.active_context(session.id), eve.summarise(session.id, text="x"),
        eve.summaries(session.id), eve.compactions(session.id), eve.summary(session.id, "summary_0000000000"),
        eve.compaction(session.id, "compaction_0000000000"), eve.active_context(session.id, budget=9),
        store.summary(session.id, "summary_0000000000"), store.compaction(session.id, "compaction_0"),
        session.summarise(last="msg_main_0000000099"), session.summarise(branch="none"),
        session.summarise(last="msg_none_0000000001"), session.summarise(replaces="summary_0000000000"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await refused
    for refused, match in (
        (session.summarise(text=" "), "/text"),
        (session.summarise(text="x" * 100_001), "/text"),
        (session.summarise(tokens=0), "/tokens"),
        (session.summarise(first="msg_main_0000000005", last="msg_main_0000000004"), "/first"),
        (session.summaries(before="summary_0000000000", after="summary_0000000000"), "/after"),
    ):
        with pytest.raises(Invalid, match=match):
            await refused
    with pytest.raises(Conflict):
        await session.compact(expect=session.version - 1)
    with pytest.raises(Conflict):
        await session.summarise(text="x", expect=session.version - 1)
    with pytest.raises(PluginError, match="no plugin 'none'"):
        await session.compact(compactors=["none"])
    with pytest.raises(PluginError, match="without a configuration"):
        await beside(store).compact(session.id, budget=5)
    await session.end()
    with pytest.raises(Ended):
        await session.compact()
    with pytest.raises(Ended):
        await session.summarise(text="late")
    assert (await session.active_context()).messages


@pytest.mark.covers("CV-13")
async def test_what_a_compactor_may_not_do_is_refused(clock):
    class Liar:
        def __init__(self, choice):
            self.choice = choice

        def compact(self, entries, budget):
            if isinstance(self.choice, Exception):
                raise self.choice
            return self.choice

    liars = {
        "split": (Liar(Choice(omit=frozenset([2]))), "would split a tool call"),
        "system": (Liar(Choice(omit=frozenset([0]))), "gave up a system message"),
        "nowhere": (Liar(Choice(omit=frozenset([99]))), "not there"),
        "words": (Liar(Choice(elide={1: [0]})), "no tool's output"),
        "broken": (Liar(ValueError("no")), "'broken' failed: ValueError"),
    }

    class Plugin:
        @hookimpl
        def holdall_compactors(self):
            return [CompactorOffer(name, name, NoSettings, lambda _, of=liar: of) for name, (liar, _) in liars.items()]

    plugins = Plugins()
    plugins.register(Plugin(), "liars")
    async with holdall.open({"storage": {"use": "memory"}}, plugins=plugins, clock=clock) as store:
        session = await store.create(owner="ana", messages=[{"role": "system", "content": "s"}, *turns(3)])
        for name, (_, match) in liars.items():
            with pytest.raises(PluginError, match=match):
                await session.compact(budget=10, compactors=[name])
        assert len(await session.compactions()) == 0


@pytest.mark.covers("CV-13", "PL-03")
async def test_what_is_misconfigured_is_told_when_it_is_needed(clock):
    for section, match in (
        ({"compaction": {"options": {"elision": {"kep": 1}}}}, "compaction.options.elision: unknown key 'kep'"),
        ({"tokenizer": {"use": "estimat"}}, "no plugin 'estimat'"),
        ({"tokenizer": {"options": {"scale": 0}}}, "tokenizer.options"),
    ):
        async with holdall.open({"storage": {"use": "memory"}, **section}, clock=clock) as store:
            session = await store.create(owner="ana", messages=[user("hello")])
            assert (await session.active_context()).messages, "which needs none of it"
            with pytest.raises((SettingsError, PluginError), match=match):
                await session.compact(budget=5)
