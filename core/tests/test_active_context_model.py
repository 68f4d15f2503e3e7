"""What a model sees, in any order of appends, forks, edits, reverts and compactions: nothing is lost or split."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.compacting import ALL, call, result
from support.stores import on

import holdall
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import Item, counted
from holdall.sessions.compaction.grouping import grouped
from holdall.testing.clock import ManualClock
from holdall.testing.conversations import Words
from holdall_memory import MemorySessionStorage


async def lived_through(seed: int, clock: ManualClock, storage: MemorySessionStorage) -> None:
    """Do what comes to mind to a session, and look at what a model sees each time."""
    rng = random.Random(seed)
    async with holdall.open({"storage": {"use": "memory"}, "compaction": {"use": list(ALL)}}, clock=clock) as tools:
        store = on(storage, clock)
        store.engine.tools = tools.engine.tools
        session = await store.create(owner="ana", messages=[{"role": "system", "content": "be brief"}])
        for number in range(40):
            branch = rng.choice([one.name for one in await session.branches()])
            kind = rng.choice(
                ("say", "say", "call", "call", "result", "result", "fork", "edit", "revert", "compact", "compact")
            )
            if kind == "say":
                role = rng.choice(("user", "assistant", "user", "system"))
                await session.append({"role": role, "content": "words and " * rng.randint(1, 30)}, branch=branch)
            elif kind == "call":
                names = [f"c{rng.randint(0, 9)}" for _ in range(rng.randint(1, 3))]
                await session.append(call(*names), branch=branch)
            elif kind == "result" and (waiting := sorted(await unanswered(session, branch))):
                await session.append(result(rng.choice(waiting), rng.randint(1, 80)), branch=branch)
            elif kind == "fork":
                await session.fork(at=rng.choice((await session.history(branch=branch)).items).id, name=f"b{number}")
            elif kind == "edit":
                message = rng.choice((await session.history(branch=branch)).items)
                if message.role != "system":
                    await session.edit(message.id, metadata={"n": number})
            elif kind == "revert":
                await session.revert(rng.choice((await session.history()).items).id)
            else:
                await compacted(session, rng, branch)
            for name in (None, branch):
                await seen(store, session.id, name, clock)


def pairs(messages):
    """Which messages belong together."""
    return grouped([counted(Item(at, message), Counter(Words())) for at, message in enumerate(messages)])


async def unanswered(session, branch):
    """The calls of a branch that wait for a result."""
    _, found = pairs((await session.history(branch=branch, limit=500)).items)
    return [name for name, places in found._waiting.items() if places]


async def compacted(session, rng, branch):
    budget, use = rng.randint(5, 400), rng.sample(ALL, rng.randint(1, 3))
    done = await session.compact(budget=budget, branch=branch, compactors=use)
    context = await session.active_context(branch=branch, budget=10_000_000)
    assert context.tokens == done.tokens
    assert len(context.messages) == done.messages
    again = await session.compact(budget=budget, branch=branch, compactors=use)
    assert not again.new, "a second time there is nothing to do"
    if not done.met and "window" in use:
        assert done.messages <= done.tokens


async def seen(store, name, branch, clock):
    """What a model sees against the whole conversation: order, system messages, calls and results, everything new."""
    whole = (await store.history(name, branch=branch, limit=500)).items
    context = await store.active_context(name, branch=branch)
    fresh = await on(store.engine.storage, clock).active_context(name, branch=branch)
    assert [message.raw for message in fresh.messages] == [message.raw for message in context.messages]
    shown = [message.id for message in context.messages if not message.id.startswith("summary_")]
    order = {message.id: at for at, message in enumerate(whole)}
    assert [order[one] for one in shown] == sorted(order[one] for one in shown)
    assert {message.id for message in whole if message.role == "system"} <= set(shown)
    groups, _ = pairs(whole)
    by_group: dict[int, set[bool]] = {}
    for message, group in zip(whole, groups, strict=True):
        by_group.setdefault(group, set()).add(message.id in shown)
    assert all(len(states) == 1 for states in by_group.values()), (
        "a call without its result, or a result without its call"
    )
    if context.compaction is not None:
        last = (await store.compaction(name, context.compaction)).record.last
        assert [message.id for message in whole[order[last] + 1 :]] == shown[
            len(shown) - (len(whole) - order[last] - 1) :
        ]
    else:
        assert len(shown) == len(whole)


@pytest.mark.covers("CV-13", "XX-04")
@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_calls_and_results_are_never_split_whatever_happens(seed):
    asyncio.run(lived_through(seed, ManualClock(), MemorySessionStorage()))
