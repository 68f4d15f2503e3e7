"""The memory answers as LangGraph's own in memory does; and what only Holdall can do besides."""

from __future__ import annotations

import random

import pytest
from langgraph.store.memory import InMemoryStore

import holdall
from holdall.testing.clock import ManualClock
from holdall_langgraph import HoldallStore, opened

LABELS = ("a", "b", "é", "users")


def plain(found):
    if isinstance(found, list):
        return [plain(each) for each in found]
    return found if found is None or isinstance(found, tuple) else (found.namespace, found.key, found.value)


@pytest.mark.covers("XX-01")
async def test_the_same_calls_get_the_same_answers_as_in_memory(store) -> None:
    """Four hundred random calls on both; a search gives the same items, in an order of its own."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    ours, theirs = HoldallStore(store, owner="ana"), InMemoryStore()

    def namespace(least):
        return tuple(rng.choice(LABELS) for _ in range(rng.randrange(least, 4)))

    for _ in range(400):
        kind = rng.randrange(9)
        if kind < 4:
            value = {
                "n": rng.randrange(5),
                "s": rng.choice(LABELS),
                "d": {"x": rng.randrange(2)},
                "l": [rng.randrange(2)],
            }
            call = ("aput", namespace(1), rng.choice("xyz"), value)
        elif kind == 4:
            call = ("adelete", namespace(1), rng.choice("xyz"))
        elif kind < 7:
            call = ("aget", namespace(1), rng.choice("xyz"))
        else:
            conditions = [
                {"n": 1},
                {"n": {"$gte": 2}},
                {"s": {"$ne": "a"}},
                {"d": {"x": 1}},
                {"l": [0]},
                {"n": {"$eq": 3}},
                None,
            ]
            for each in (True, False):
                found = [
                    await which.asearch(prefix, filter=wanted, limit=1000)
                    for prefix, wanted in [(namespace(0), rng.choice(conditions))]
                    for which in (ours, theirs)
                ]
                assert sorted(map(str, plain(found[0]))) == sorted(map(str, plain(found[1]))), each
            continue
        found = [await getattr(which, call[0])(*call[1:]) for which in (ours, theirs)]
        assert plain(found[0]) == plain(found[1])


async def test_namespaces_are_listed_as_in_memory(store) -> None:
    ours, theirs = HoldallStore(store, owner="ana"), InMemoryStore()
    for namespace in [("a",), ("a", "b"), ("users", "b", "c"), ("users", "é", "c"), ("b", "users", "c")]:
        await ours.aput(namespace, "k", {})
        await theirs.aput(namespace, "k", {})
    for path in (None, ("a",), ("*", "b"), ("users", "*"), ("*", "c"), ("c",)):
        for depth in (None, 1, 2):
            for asked in ({"prefix": path}, {"suffix": path}, {"prefix": ("users",), "suffix": path}):
                for limit, offset in ((50, 0), (1, 1)):
                    page = {**asked, "max_depth": depth, "limit": limit, "offset": offset}
                    assert await ours.alist_namespaces(**page) == await theirs.alist_namespaces(**page)
    await ours.adelete(("a",), "k")
    assert ("a",) not in await ours.alist_namespaces()


async def test_a_search_goes_on_in_pages_the_latest_first(store) -> None:
    ours = HoldallStore(store, owner="ana")
    for n in range(5):
        await ours.aput(("docs",), f"k{n}", {"n": n})
    pages = [await ours.asearch(("docs",), limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [[item.key for item in page] for page in pages] == [["k4", "k3"], ["k2", "k1"], ["k0"]]
    filtered = await ours.asearch(("docs",), filter={"n": {"$lt": 4}}, limit=2, offset=1)
    assert [item.key for item in filtered] == ["k2", "k1"]


async def test_of_writes_in_one_batch_the_last_counts_and_reads_come_first(store) -> None:
    from langgraph.store.base import GetOp, PutOp  # noqa: PLC0415

    ours = HoldallStore(store, owner="ana")
    found = await ours.abatch([PutOp(("a",), "k", {"n": 1}), GetOp(("a",), "k"), PutOp(("a",), "k", {"n": 2})])
    assert found == [None, None, None]
    assert (await ours.aget(("a",), "k")).value == {"n": 2}


async def test_earlier_values_stay_in_the_items_history(store) -> None:
    ours = HoldallStore(store, owner="ana")
    for n in range(3):
        await ours.aput(("a", "b"), "k", {"n": n})
    page = await store.list(owner="ana", project="a/b")
    assert [message["value"]["n"] for message in await page.items[0].history()] == [0, 1, 2]
    item = await ours.aget(("a", "b"), "k")
    assert item.created_at <= item.updated_at


async def test_items_deeper_than_tags_reach_are_found(store) -> None:
    ours = HoldallStore(store, owner="ana")
    deep = tuple(f"l{n}" for n in range(20))
    await ours.aput(deep, "k", {"n": 1})
    await ours.aput((*deep[:19], "other"), "k", {"n": 2})
    assert [item.value["n"] for item in await ours.asearch(deep)] == [1]
    assert len(await ours.asearch(deep[:15])) == 2


async def test_items_live_as_long_as_langgraph_says() -> None:
    """Minutes, begun anew by writing, and by reading unless it is asked not to."""
    clock = ManualClock()
    async with holdall.open({"storage": {"use": "memory"}}, clock=clock) as store:
        ours = HoldallStore(store, owner="ana", ttl={"default_ttl": 10, "refresh_on_read": True})
        await ours.aput(("a",), "k", {"n": 1})
        await ours.aput(("a",), "long", {"n": 1}, ttl=None)
        clock.advance(500)
        assert await ours.aget(("a",), "k") is not None
        clock.advance(500)
        assert await ours.aget(("a",), "k", refresh_ttl=False) is not None
        clock.advance(200)
        assert await ours.aget(("a",), "k") is None
        assert [item.key for item in await ours.asearch(("a",))] == ["long"]


async def test_owners_do_not_meet(store) -> None:
    await HoldallStore(store, owner="ana").aput(("a",), "k", {"n": 1})
    ben = HoldallStore(store, owner="ben")
    assert await ben.aget(("a",), "k") is None
    assert (await ben.asearch(()), await ben.alist_namespaces()) == ([], [])


def test_a_program_without_a_loop_has_it_too() -> None:
    with opened({"storage": {"use": "memory"}}) as (store, bridge):
        ours = HoldallStore(store, owner="ana", bridge=bridge)
        ours.put(("a",), "k", {"n": 1})
        assert ours.get(("a",), "k").value == {"n": 1}
        ours.delete(("a",), "k")
        assert ours.search(("a",)) == []
