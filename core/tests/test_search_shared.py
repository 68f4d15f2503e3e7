"""A search leaves the event loop to others, whatever it looks for in whatever texts."""

from __future__ import annotations

import asyncio

import pytest
from support.stores import user

pytestmark = [pytest.mark.covers("CV-06"), pytest.mark.req("SEC-INP-06")]


@pytest.fixture
def backend():
    return "memory"


@pytest.fixture
def policy():
    return {"max_message_bytes": 1 << 20}


async def others_turns(*searches):
    """How many turns somebody else had until the searches were done."""
    turns = 0
    found = asyncio.gather(*searches)
    while not found.done():
        turns += 1
        await asyncio.sleep(0)
    return turns, found.result()


@pytest.mark.parametrize(
    ("word", "query"), [("run ", '"' + "run " * 90 + '"'), ("人", "人" * 900), ("aAaB ", "aaab aA a")]
)
async def test_a_large_text_is_looked_at_in_steps(store, word, query):
    session = await store.create(owner="ana", messages=[user(word * 40_000)])
    turns, [page] = await others_turns(session.search(query))
    assert len(page) == 1
    assert turns > 15


@pytest.mark.parametrize("asked", [{"query": "walk"}, {"role": "assistant"}])
async def test_many_small_texts_are_too(store, asked):
    session = await store.create(owner="ana", messages=[user("run " * 100) for _ in range(500)])
    turns, [page] = await others_turns(session.search(**asked))
    assert len(page) == 0
    assert turns > 5


async def test_of_all_searches_together_one_has_a_step_before_others_have_their_turn(store):
    session = await store.create(owner="ana", messages=[user("run " * 40_000)])
    turns, _ = await others_turns(session.search("run"))
    many, _ = await others_turns(*[session.search("run") for _ in range(5)])
    assert many > 4 * turns
    assert len(store.engine.turns) == 0


async def test_who_gives_up_waiting_leaves_the_turn_to_others(store):
    session = await store.create(owner="ana", messages=[user("run " * 40_000)])
    searches = [asyncio.create_task(session.search("run")) for _ in range(3)]
    for _ in range(8):
        await asyncio.sleep(0)
    searches[0].cancel()
    searches[1].cancel()
    assert len(await searches[2]) == 1
    assert len(store.engine.turns) == 0
