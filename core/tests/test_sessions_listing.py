"""Listings: the most recently active first, by owner and filters, at a cost that follows the answer."""

from __future__ import annotations

import base64
import json

import pytest
from support.storages import Counting, Passing
from support.stores import beside, on, user

from holdall import Damaged, Invalid, Principal
from holdall_memory import MemorySessionStorage


async def listed(store, limit=50, **filters):
    """Every id of a listing, page by page."""
    ids, cursor = [], None
    while True:
        page = await store.list(limit=limit, cursor=cursor, **filters)
        ids += [session.id for session in page]
        assert len(page) <= limit
        cursor = page.next
        if cursor is None:
            return ids


@pytest.mark.covers("ST-06", "LC-07")
@pytest.mark.parametrize("limit", [1, 2, 7, 50])
async def test_the_most_recently_active_come_first(store, clock, limit):
    sessions = []
    for _ in range(7):
        sessions.append(await store.create(owner="ana"))
        clock.advance(1)
    await sessions[2].append(user())
    clock.advance(1)
    await sessions[0].extend(ttl=60)
    await sessions[5].update(title="x")  # is no activity
    expected = [sessions[n].id for n in (0, 2, 6, 5, 4, 3, 1)]
    assert await listed(store, limit, owner="ana") == expected
    assert await listed(beside(store), limit) == expected


@pytest.mark.covers("ST-19")
async def test_filters_and_their_combinations(store):
    asked = [
        ("ana", "site", ["a"], False), ("ana", "site", ["b"], True), ("ana", "app", ["a", "b"], False),
        ("ana", None, [], True), ("ben", "site", ["a"], False),
    ]  # fmt: skip
    made = {}
    for n, (owner, project, tags, ended) in enumerate(asked):
        session = await store.create(owner=owner, project=project, tags=tags)
        made[session.id] = n
        if ended:
            await session.end()
    for owner in (None, "ana", "ben", "eve"):
        for project in (None, "site", "app", "none"):
            for status in (None, "active", "ended"):
                for tag in (None, "a", "b"):
                    filters = {"owner": owner, "project": project, "status": status, "tag": tag}
                    found = {made[name] for name in await listed(store, 2, **filters)}
                    assert found == {
                        n
                        for n, (whose, which, tags, ended) in enumerate(asked)
                        if owner in (None, whose) and project in (None, which) and (tag is None or tag in tags)
                        and (status is None or (status == "ended") == ended)
                    }, filters  # fmt: skip


@pytest.mark.covers("ST-19")
async def test_what_changed_is_found_by_what_it_is_now(store):
    session = await store.create(owner="ana", project="old", tags=["old"])
    await session.update(project="new", tags=["new"])
    await session.end()
    assert await listed(store, owner="ana", project="old") == []
    assert await listed(store, owner="ana", tag="old") == []
    assert await listed(store, owner="ana", status="active") == []
    for filters in ({"project": "new"}, {"tag": "new"}, {"status": "ended"}):
        assert await listed(store, owner="ana", **filters) == [session.id]


@pytest.mark.covers("ST-07")
async def test_the_deleted_and_the_expired_are_skipped(store, clock):
    kept = []
    for n in range(30):
        session = await store.create(owner="ana", ttl=60 if n % 3 == 0 else None)
        if n % 3 == 1:
            await session.delete()
        if n % 3 == 2:
            kept.append(session.id)
    clock.advance(60)
    assert await listed(store, 4, owner="ana") == kept[::-1]
    assert await listed(store, 4) == kept[::-1]


@pytest.mark.covers("CV-11")
async def test_a_cursor_stays_right_while_sessions_come_and_go(store, clock):
    sessions = []
    for _ in range(9):
        sessions.append(await store.create(owner="ana"))
        clock.advance(1)
    page = await store.list(owner="ana", limit=3)
    await store.create(owner="ana")
    await sessions[6].delete()  # the one that the cursor names
    await sessions[4].delete()
    page = await store.list(owner="ana", limit=3, cursor=page.next)
    assert [session.id for session in page] == [sessions[n].id for n in (5, 3, 2)]


@pytest.mark.req("SEC-INP-06", "SEC-AUZ-01")
async def test_a_cursor_that_is_not_this_listings_is_refused(store):
    for owner in ("ana", "ben"):
        for _ in range(3):
            await store.create(owner=owner, project="p")
    cursor = (await store.list(owner="ana", limit=1)).next
    for other in ({"owner": "ben"}, {"owner": None}, {"owner": "ana", "project": "p"}, {"owner": "ana", "tag": "x"}):
        with pytest.raises(Invalid) as caught:
            await store.list(**other, cursor=cursor)
        assert caught.value.pointer == "/cursor"
    with pytest.raises(Invalid):
        await store.acting_as(Principal("ben")).list(cursor=cursor)

    def packed(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    mark, score, partition = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert len(await listed(store, owner="ana")) == 3
    assert packed([mark, score, partition])
    tampered = [
        "", "x", "é", "%", cursor[:-3], cursor + "!", "W1tb" * 10_000, packed([]), packed({}), packed(5), packed([mark]),
        packed({mark: 1, "a": 2, "b": 3}), packed([mark, "1", partition]), packed([mark, 1.5, partition]),
        packed([mark, 10**30, partition]), packed([mark, -1, partition]), packed([mark, score, 5]),
        packed([mark, score, "claim/x"]), packed([mark, score, "session/\ud800" + "x" * 20]),
        packed([mark, score, "session/../x" + "x" * 20]), packed([mark, score, partition, 1]), packed([None, score, partition]),
    ]  # fmt: skip
    for nonsense in tampered:
        with pytest.raises(Invalid):
            await store.list(owner="ana", cursor=nonsense)


@pytest.mark.covers("OP-12")
@pytest.mark.parametrize("limit", [1, 10, 50])
async def test_the_cost_of_a_page_follows_its_size(clock, limit):
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    for n in range(2_000):
        await store.create(owner="ana", project="p", tags=["rare"] if n % 500 == 0 else [])
    for filters in ({"owner": "ana"}, {"owner": "ana", "project": "p"}, {"owner": "ana", "status": "active"}, {}):
        counting.calls.clear()
        assert len(await store.list(**filters, limit=limit)) == limit
        assert counting.calls["scan"] == 1
        assert counting.calls["heads"] <= limit + 1
        assert counting.calls["load"] == 0
    counting.calls.clear()
    assert len(await store.list(owner="ana", tag="rare", limit=50)) == 4
    assert counting.calls["heads"] == 4


@pytest.mark.covers("OP-12")
async def test_a_page_examines_a_bounded_number_of_heads_and_goes_on_by_cursor(clock):
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    for n in range(2_500):
        session = await store.create(owner="ana", project="p")
        if n % 1_100 == 0:
            await session.end()
    wanted = await listed(store, owner="ana", status="ended")
    assert len(wanted) == 3
    pages, cursor, found = 0, None, []
    while True:
        counting.calls.clear()
        page = await store.list(owner="ana", project="p", status="ended", limit=5, cursor=cursor)
        assert counting.calls["heads"] <= 1_000
        assert counting.calls["scan"] <= 12
        found += [session.id for session in page]
        pages, cursor = pages + 1, page.next
        if cursor is None:
            break
    assert (found, pages) == (wanted, 3)


@pytest.mark.covers("OP-12")
async def test_a_full_page_does_not_look_for_more_one_by_one(clock):
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    for n in range(900):
        session = await store.create(owner="ana", project="p")
        if n >= 897:
            await session.end()
    counting.calls.clear()
    page = await store.list(owner="ana", project="p", status="ended", limit=3)
    assert (len(page), page.next) == (3, None)
    assert counting.calls["scan"] <= 12


class Hurt(Passing):
    """The records of one partition cannot be read."""

    bad = ""

    async def load(self, partition, *spans):
        if partition == self.bad and spans:
            raise Damaged(partition, "its checksum does not match")
        return await super().load(partition, *spans)

    async def scan(self, scan):
        found = await super().scan(scan)
        if scan.spans and any(snapshot.head.partition == self.bad for snapshot in found):
            raise Damaged(self.bad, "its checksum does not match")
        return found


@pytest.mark.covers("SE-09", "XX-05")
async def test_a_damaged_session_costs_its_own_place_in_a_list(clock):
    storage = Hurt(MemorySessionStorage())
    store = on(storage, clock)
    sessions = []
    for _ in range(5):
        sessions.append((await store.create(owner="ana")).id)
        clock.advance(1)
    storage.bad = f"session/{sessions[2]}"
    rest = [sessions[n] for n in (4, 3, 1, 0)]
    assert await listed(store, 2, owner="ana") == rest
    assert await listed(store, 50) == rest
    with pytest.raises(Damaged):
        await on(storage, clock).get(sessions[2])
