"""Compactions and summaries that are of no use: stored wrongly by an earlier version, or lost. They are passed over."""

from __future__ import annotations

import json

import pytest
from support.compacting import ids, turns, with_compactors
from support.storages import Rotten
from support.stores import beside

from holdall import NotFound
from holdall.codecs import Codec
from holdall.sessions.steps import Step
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify

FIRST, WRONG = "compaction_0000000000", "compaction_0000000001"
MISFITS = {
    "kept": [[17, 19]],
    "replaced": [[0, 16, "summary_0000000000"]],
    "elided": [[17, {"0": 75}]],
    "pending": [18],
}
"""What such a record named beyond its end, which is at 15."""


@pytest.fixture
async def store(storage_options, clock):
    async with with_compactors(storage_options, clock) as opened:
        yield opened


async def put(store, session, *records):
    """Add records to the lane of compactions below the store."""
    found = await store.engine.storage.load(f"session/{session}")
    step = Step.begin(f"session/{session}", found.head, store.engine.clock.now())
    step.append("compactions", [json.dumps(record).encode() for record in records])
    await store.engine.storage.commit(step.commit(store.engine.codec))


async def compacted(store):
    """A session with a compaction up to message 18 of its branch ``main``, that shows a branch which leaves there."""
    session = await store.create(owner="ana", messages=list(turns(20)))
    await session.fork(name="late", at="msg_main_0000000018", switch=True)
    await session.compact(budget=200)
    return session


@pytest.mark.parametrize("field", MISFITS)
@pytest.mark.covers("CV-10", "CV-13", "ST-11")
async def test_one_that_names_what_it_does_not_decide_about_is_passed_over(store, field):
    """As it was stored for a branch that was shown to an end before its own fork, on top of a later compaction."""
    session = await compacted(store)
    (before,) = await session.compactions()
    covers = {"runs": [["main", 0, 16, session.version]], "edits": 0, "redactions": 0}
    record = {"id": WRONG, "last": "msg_main_0000000015", "covers": covers, "kept": [[15, 16]], field: MISFITS[field]}
    record |= {"compactors": ["window"], "tokenizer": "estimate", "budget": 100, "created_at": 1, "created_by": "ana"}
    await put(
        store,
        session.id,
        record | {"format": 1, "before": {"messages": 5, "tokens": 133}, "after": {"messages": 3, "tokens": 86}},
    )
    shown = ids(await session.active_context())
    for store_ in (store, beside(store)):
        assert [one.as_dict() for one in await store_.compactions(session.id)] == [before.as_dict()]
        with pytest.raises(NotFound, match=WRONG):
            await store_.compaction(session.id, WRONG)
        for branch in ("late", "main"):
            context = await store_.active_context(session.id, branch=branch)
            assert (context.compaction, ids(context)[: len(shown)]) == (FIRST, shown)
    await session.revert("msg_main_0000000015")
    assert (await session.active_context()).compaction is None
    assert (await session.compact(budget=200)).compaction.id == "compaction_0000000002"
    assert [one.id for one in await session.compactions()] == [FIRST, "compaction_0000000002"]
    assert (await verify(store.engine.storage, Codec())).problems == []


@pytest.mark.parametrize("lane", ["compactions", "summaries"])
@pytest.mark.covers("ST-11", "ST-14", "CV-13")
async def test_one_that_was_lost_costs_nothing_but_itself(store, lane):
    """A session that was repaired is read, compacted and purged like any other."""
    session = await compacted(store)
    whole = [message.raw for message in await session.history(limit=100)]
    await session.append(list(turns(20, 20)))
    last = (await session.compact(budget=200)).compaction
    storage = store.engine.storage
    rotten = Rotten(storage, f"session/{session.id}", (lane, 1))
    report = await repair(rotten, Codec(), apply=True, owner="root")
    assert [str(loss) for loss in report.losses] == [f"session/{session.id} {lane}[1]: the record {lane}[1]"]
    other = beside(store)
    context = await other.active_context(session.id)
    assert context.compaction == FIRST
    assert ids(context)[-80:] == [message.id for message in (await other.history(session.id, limit=80)).items]
    listed = [one.id for one in await (other.compactions if lane == "compactions" else other.summaries)(session.id)]
    assert listed == [FIRST if lane == "compactions" else "summary_0000000000"]
    if lane == "summaries":
        with pytest.raises(NotFound, match="summary_0000000001"):
            await other.summary(session.id, "summary_0000000001")
    again = (await store.compact(session.id, budget=200)).compaction
    assert (again.id > last.id, (await other.active_context(session.id)).compaction) == (True, again.id)
    assert [message.raw for message in await other.history(session.id, branch="main", limit=100)][:19] == whole
    await other.purge(session.id, message="msg_main_0000000000")
    assert next(one.text for one in await other.summaries(session.id)) == "[purged]"
    assert (await verify(storage, Codec())).problems == []
