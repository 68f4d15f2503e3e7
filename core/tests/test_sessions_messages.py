"""A conversation: stored as it came, in order, once, and read by page in both directions.

Covers ST-16.
"""

from __future__ import annotations

import asyncio
import json
from types import MappingProxyType

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.storages import Counting
from support.stores import beside, on, text, user, walked

from holdall import Invalid, NotFound, TooLarge
from holdall.errors import KeyReused
from holdall.sessions.models import NewMessage
from holdall.testing.clock import ManualClock
from holdall_memory import MemorySessionStorage

PARTS = [
    {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
    {"type": "thinking", "text": "hmm", "signature": "x=="},
    {
        "type": "tool_call",
        "id": "c1",
        "name": "grep",
        "arguments": {"pattern": "a.*b", "n": 1.5, "deep": [{}, [], None]},
    },
    {"type": "tool_result", "id": "c1", "content": [{"type": "text", "text": "found"}], "is_error": True},
    {"type": "image", "url": "https://example.org/a.png", "media_type": "image/png", "alt": "ü"},
    {"type": "image", "data": "aGk=", "media_type": "image/png"},
    {"type": "file", "url": "file:a.txt", "name": "a.txt", "size": 12},
    {"type": "data", "data": {"rows": [[1, 2], [3, 4]]}},
    {"type": "hologram", "frames": [1, 2, 3], "": {"/": "~"}},
]


@pytest.mark.covers("CV-01", "CV-05")
async def test_parts_of_every_kind_come_back_as_they_went_in(store):
    message = {
        "role": "assistant",
        "content": PARTS,
        "name": "bot",
        "created_at": 1_600_000_000_000,
        "metadata": {"model": "m", "tokens": {"in": 12, "out": 34}, "latency_ms": 12.75, "cost": 1e-05},
        "unknown": {"to us": [True, False, None, -0.0, 2**63, -(2**63), 1e300, "\u2028 \x00 😀"]},
    }
    session = await store.create(owner="ana")
    stored = await session.append(message)
    for seen in (stored, await session.message(stored.id), (await session.history()).items[0]):
        assert dict(seen) == {"id": stored.id, **message}
        assert json.loads(seen.raw) == {"id": stored.id, **message}
        assert seen.raw == stored.raw
    assert list(stored) == ["id", *message]


@pytest.mark.covers("CV-01", "ST-15")
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part["type"])
def test_the_published_schema_accepts_what_is_accepted(part):
    jsonschema.validate({"role": "user", "content": [part]}, NewMessage.model_json_schema())


@pytest.mark.covers("ST-15")
@pytest.mark.parametrize("part", [{"type": "text"}, {"type": "tool_call", "id": "x"}, {"type": ""}, {"text": "x"}, 1])
def test_the_published_schema_refuses_what_is_refused(part):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"role": "user", "content": [part]}, NewMessage.model_json_schema())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.covers("CV-01")
@settings(max_examples=150)
@given(st.dictionaries(st.text(min_size=1), json_values, max_size=5), json_values, st.text())
def test_any_json_survives(fields, data, words):
    async def check():
        store = on(MemorySessionStorage(), ManualClock())
        extra = {name: value for name, value in fields.items() if name not in {*NewMessage.model_fields, "id"}}
        parts = [{"type": "data", "data": data}, {"type": "text", "text": words}, {**extra, "type": "novel"}]
        message = {"role": "user", "content": parts, **extra, "created_at": 1}
        session = await store.create(owner="ana")
        stored = await session.append(message)
        again = await session.message(stored.id)
        assert json.dumps(dict(again)) == json.dumps({"id": stored.id, **message})

    asyncio.run(check())


deep = current = []
for _ in range(600):
    current.append([])
    current = current[0]


@pytest.mark.covers("CV-01")
@pytest.mark.req("SEC-INP-03", "SEC-AUZ-02")
@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        ({"content": "x"}, "/role"),
        ({"role": "robot", "content": "x"}, "/role"),
        ({"role": "user"}, "/content"),
        ({"role": "user", "content": 5}, "/content"),
        ({"role": "user", "content": None}, "/content"),
        ({"role": "user", "content": "x", "id": "msg_main_0000000000"}, "/id"),
        ({"role": "user", "content": "x", "created_at": -1}, "/created_at"),
        ({"role": "user", "content": "x", "created_at": "now"}, "/created_at"),
        ({"role": "user", "content": "x", "name": ""}, "/name"),
        ({"role": "user", "content": "x", "metadata": []}, "/metadata"),
        ({"role": "user", "content": "x", "metadata": {"k" * 129: 1}}, "/metadata/" + "k" * 129),
        ({"role": "user", "content": [{"type": "text", "text": "ok"}, {"type": "text", "text": 5}]}, "/content/1/text"),
        ({"role": "user", "content": [{"type": "text"}]}, "/content/0/text"),
        ({"role": "user", "content": [{"type": "data", "data": float("nan")}]}, "/content/0/data"),
        ({"role": "user", "content": [{"type": "file", "name": 5}]}, "/content/0/name"),
        ({"role": "user", "content": [{"type": "image", "data": 5}]}, "/content/0/data"),
        ({"role": "user", "content": [{"type": "thinking", "text": []}]}, "/content/0/text"),
        ({"role": "user", "content": [{"type": "tool_call", "id": "x", "name": {}}]}, "/content/0/name"),
        ({"role": "user", "content": [{"type": "tool_result", "id": "x", "is_error": 1}]}, "/content/0/is_error"),
        ({"role": "user", "content": [{"text": "x"}]}, "/content/0/type"),
        ({"role": "user", "content": [{"type": ""}]}, "/content/0/type"),
        ({"role": "user", "content": [{"type": "y" * 65}]}, "/content/0/type"),
        ({"role": "user", "content": [{"type": "known"}, 7]}, "/content/1"),
        ({"role": "user", "content": "x", "a": {"b": [0, float("inf")]}}, "/a/b/1"),
        ({"role": "user", "content": "x", "a/b": {"~": float("nan")}}, "/a~1b/~0"),
        ({"role": "user", "content": "x", "a": {1: 2}}, "/a"),
        ({"role": "user", "content": "x", "a": [b"x"]}, "/a/0"),
        ({"role": "user", "content": "x", "a": [{"b": 2**64}]}, "/a/0/b"),
        ({"role": "user", "content": "\ud800"}, "/content"),
        ({"role": "user", "content": [{"type": "text", "text": "\udfff"}]}, "/content/0/text"),
        ({"role": "user", "content": "x", "a": [0, {"b": ["ok", "\ud800"]}]}, "/a/1/b/1"),
        ({"role": "user", "content": "x", "a": {"\ud800": 1}}, "/a"),
        (5, ""),
        ("text", ""),
        (None, ""),
    ],
)
async def test_a_fault_is_pointed_at_and_nothing_of_the_batch_is_stored(store, message, pointer):
    session = await store.create(owner="ana")
    for many in ([message], [user("fine"), message], [user("fine"), message, user("fine")]):
        with pytest.raises(Invalid) as caught:
            await store.append(session.id, many)
        assert caught.value.pointer == f"/messages/{many.index(message)}{pointer}"
    again = await store.get(session.id)
    assert (again.version, again.counts.messages) == (session.version, 0)


@pytest.mark.req("SEC-INP-02")
async def test_what_is_nested_too_deeply_is_refused_before_it_can_not_be_read(store):
    session = await store.create(owner="ana")
    with pytest.raises(Invalid, match="deeper"):
        await session.append({"role": "user", "content": "x", "a": deep})
    knot = {}
    knot["knot"] = knot
    with pytest.raises(Invalid, match="deeper"):
        await session.append({"role": "user", "content": "x", "a": knot})
    inside = deep
    for _ in range(450):
        inside = inside[0]
    message = await session.append({"role": "user", "content": "x", "a": inside})
    assert (await session.message(message.id))["a"] == inside


@pytest.mark.req("SEC-INP-02")
async def test_errors_do_not_echo_what_was_given(store):
    session = await store.create(owner="ana")
    secret = "hunter2"
    for message in (
        {"role": secret, "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": [secret]}]},
    ):
        with pytest.raises(Invalid) as caught:
            await session.append(message)
        assert secret not in str(caught.value)


@pytest.mark.covers("CV-02")
async def test_any_mapping_is_a_message_and_is_left_alone(store):
    session = await store.create(owner="ana", messages=[MappingProxyType(user("a"))])
    given_ = user("b")
    await session.append([MappingProxyType(given_), NewMessage(role="user", content="c")])
    await session.append(MappingProxyType(given_), key="k")
    assert given_ == user("b")
    assert text(await session.history()) == ["a", "b", "c", "b"]


@pytest.mark.covers("CV-02")
async def test_time_is_the_stores_unless_it_is_said(store, clock):
    session = await store.create(owner="ana")
    clock.advance(5)
    now = clock.now() // 1000
    assert (await session.append(user())).created_at == now
    assert (await session.append(user(created_at=None))).created_at == now
    assert (await session.append(user(created_at=0))).created_at == 0


@pytest.mark.covers("CV-02")
async def test_there_must_be_something_to_append(store):
    session = await store.create(owner="ana")
    for nothing in (session.append([]), store.append(session.id, []), store.append(session.id, (), key="k")):
        with pytest.raises(Invalid) as caught:
            await nothing
        assert caught.value.pointer == "/messages"
    assert (await store.get(session.id)).version == session.version


class TestLimits:
    @pytest.fixture
    def policy(self):
        return {
            "max_message_bytes": 200, "max_batch": 5, "max_messages": 10, "max_session_bytes": 1_000,
            "max_page": 7,
        }  # fmt: skip

    @pytest.mark.covers("ST-09")
    @pytest.mark.req("SEC-INP-02")
    async def test_of_a_message(self, store):
        session = await store.create(owner="ana")
        room = 200 - len(json.dumps(user("", created_at=0), separators=(",", ":")))
        await session.append(user("x" * room, created_at=0))
        with pytest.raises(TooLarge) as caught:
            await session.append(user("x" * (room + 1), created_at=0))
        assert (caught.value.limit, caught.value.actual, caught.value.pointer) == (200, 201, "/messages/0")
        with pytest.raises(TooLarge) as caught:
            await store.append(session.id, [], originals=["ok", "x" * 201])
        assert caught.value.pointer == "/originals/1"

    @pytest.mark.covers("ST-09")
    async def test_of_a_batch(self, store):
        session = await store.create(owner="ana")
        await session.append([user()] * 5)
        with pytest.raises(TooLarge) as caught:
            await session.append([user()] * 6)
        assert (caught.value.limit, caught.value.actual, caught.value.pointer) == (5, 6, "/messages")

    @pytest.mark.covers("ST-09")
    async def test_of_the_messages_of_a_session(self, store):
        session = await store.create(owner="ana")
        await session.append([user("")] * 5)
        await session.append([user("")] * 4)
        with pytest.raises(TooLarge):
            await session.append([user(""), user("")])
        await session.append(user(""))
        with pytest.raises(TooLarge):
            await session.append(user(""))
        assert session.counts.messages == 10
        await session.clear()
        await session.append(user(""))

    @pytest.mark.covers("ST-09")
    async def test_of_the_bytes_of_a_session_to_the_byte(self, store):
        session = await store.create(owner="ana")
        each = len((await session.append(user("x" * 30, created_at=0))).raw)
        assert session.size == each
        while session.size + 2 * each <= 1_000:
            await session.append(user("x" * 30, created_at=0))
        room = 1_000 - session.size - each + 30
        with pytest.raises(TooLarge) as caught:
            await session.append(user("x" * (room + 1), created_at=0))
        assert (caught.value.limit, caught.value.actual) == (1_000, 1_001)
        await session.append(user("x" * room, created_at=0))
        assert session.size == 1_000
        assert session.size == sum(len(message.raw) for message in await walked(session.history, "before", 7))
        await session.clear()
        assert session.size == 0

    @pytest.mark.covers("ST-09")
    async def test_finishing_a_tool_run_passes_no_limit(self, store):
        session = await store.create(owner="ana")
        run = await session.log_tool("grep", status="running")
        with pytest.raises(TooLarge):
            await session.finish_tool_run(run.id, result="x" * 200)
        assert (await store.tool_run(session.id, run.id)).status == "running"

    @pytest.mark.covers("CV-11")
    async def test_of_a_page(self, store):
        session = await store.create(owner="ana")
        for call in (session.history, session.tool_runs, store.list):
            with pytest.raises(TooLarge):
                await call(limit=8)
            for limit in (0, -1):
                with pytest.raises(Invalid, match="at least 1"):
                    await call(limit=limit)


# --- once per key --------------------------------------------------------------------------------------------------


@pytest.mark.covers("CV-02")
async def test_a_repeated_append_stores_nothing_and_gives_back_what_was_stored(store):
    session = await store.create(owner="ana")
    first = await store.append(session.id, [user("a"), user("b")], tools=[{"tool": "t"}], originals=["o"], key="k")
    for again in (store, beside(store)):
        repeat = await again.append(session.id, [user("a"), user("b")], tools=[{"tool": "t"}], originals=["o"], key="k")
        assert [message.raw for message in repeat.messages] == [message.raw for message in first.messages]
        assert [run.raw for run in repeat.tools] == [run.raw for run in first.tools]
        assert (first.replayed, repeat.replayed) == (False, True)
    assert (await store.get(session.id)).version == first.state.head.changed
    for other in (
        {"messages": [user("a")]},
        {"messages": [user("a"), user("c")]},
        {"messages": [user("a"), user("b")]},
        {"messages": [user("a"), user("b")], "tools": [{"tool": "t"}]},
        {"messages": [user("a"), user("b")], "tools": [{"tool": "t"}], "originals": ["other"]},
    ):
        with pytest.raises(KeyReused):
            await store.append(session.id, **other, key="k")


@pytest.mark.covers("CV-02")
async def test_a_repeat_is_answered_after_the_version_moved_and_after_the_end(store):
    session = await store.create(owner="ana")
    version = session.version
    stored = await session.append(user("once"), key="k", expect=version)
    await session.append(user("more"))
    await session.end()
    assert (await session.append(user("once"), key="k", expect=version)).id == stored.id


@pytest.mark.covers("CV-02")
async def test_what_was_cleared_since_is_not_stored_again_by_a_repeat(store):
    session = await store.create(owner="ana")
    await session.append(user("once"), key="k")
    await session.clear()
    with pytest.raises(NotFound):
        await session.append(user("once"), key="k")
    assert (await store.get(session.id)).counts.messages == 0


@pytest.mark.covers("CV-02")
async def test_concurrent_duplicates_in_two_stores_are_stored_once(store):
    stores = [store, beside(store)]
    session = await store.create(owner="ana")
    appends = [stores[n % 2].append(session.id, [user(str(n % 5))], key=f"k{n % 5}") for n in range(50)]
    done = await asyncio.gather(*appends)
    assert sum(not appended.replayed for appended in done) == 5
    for n in range(5):
        assert len({appended.messages[0].id for appended in done[n::5]}) == 1
    assert sorted(text(await session.history())) == ["0", "1", "2", "3", "4"]


@pytest.mark.covers("CV-02")
async def test_keys_are_forgotten_after_a_day_and_trimmed(store, clock):
    session = await store.create(owner="ana")
    for n in range(100):
        await session.append(user(str(n)), key=f"k{n}")
    clock.advance(86_400 - 1)
    assert (await store.append(session.id, [user("0")], key="k0")).replayed
    clock.advance(2)
    other = beside(store)
    assert not (await other.append(session.id, [user("other")], key="k0")).replayed
    assert (await store.append(session.id, [user("other")], key="k0")).replayed
    for n in range(200, 204):
        await session.append(user(), key=f"k{n}")
    lane = (await store.get(session.id)).state.head.lanes["keys"]
    assert lane.stop == 105
    assert len(lane) <= 6


@pytest.mark.covers("CV-02", "CV-12")
async def test_many_keys_cost_a_second_store_only_what_is_new(clock):
    counting = Counting(MemorySessionStorage())
    one, two = on(counting, clock), on(counting, clock)
    session = await one.create(owner="ana")
    for n in range(1_000):
        await one.append(session.id, [user(str(n))], key=str(n))
    counting.calls.clear()
    assert (await two.append(session.id, [user("17")], key="17")).replayed
    await two.append(session.id, [user("x")], key="x")
    assert counting.calls["records"] < 2_100
    counting.calls.clear()
    for n in range(20):
        await (one, two)[n % 2].append(session.id, [user("y")], key=f"y{n}")
    assert counting.calls["records"] < 200
    assert (await one.append(session.id, [user("y")], key="y19")).replayed


# --- pages ---------------------------------------------------------------------------------------------------------


async def numbered(store, count, first=0):
    session = await store.create(owner="ana")
    await session.append([user(str(n)) for n in range(first, first + count)])
    return session


@pytest.mark.covers("CV-11", "CV-03")
async def test_the_latest_page_comes_first_and_its_cursors_lead_on(store):
    session = await numbered(store, 10)
    page = await session.history(limit=3)
    assert (text(page), page.next) == (["7", "8", "9"], None)
    assert page.version == session.version
    page = await session.history(limit=3, before=page.previous)
    assert text(page) == ["4", "5", "6"]
    again = await session.history(limit=3, after=page.next)
    assert text(again) == ["7", "8", "9"]
    page = await session.history(limit=100)
    assert (len(page), page.next, page.previous) == (10, None, None)


@pytest.mark.covers("CV-11")
@pytest.mark.parametrize("limit", [1, 3, 7, 10, 11])
async def test_paging_brings_everything_exactly_once(store, limit):
    session = await numbered(store, 10)
    back = await walked(session.history, "before", limit)
    assert [message.text for message in reversed(back)] == [str(n) for n in range(10)]
    forth = await walked(session.history, "after", limit, start=back[-1].id)
    assert [message.text for message in forth] == [str(n) for n in range(1, 10)]


@pytest.mark.covers("CV-11")
async def test_paging_is_right_while_others_append(store):
    session, other = await numbered(store, 20), beside(store)
    page = await session.history(limit=3)
    seen, back = [message.text for message in page.items], page.previous
    newest = page.items[-1].id
    while back is not None:
        await other.append(session.id, [user("late")])
        page = await session.history(limit=3, before=back)
        seen, back = [message.text for message in page.items] + seen, page.previous
    assert seen == [str(n) for n in range(20)]
    late = await walked(session.history, "after", 2, start=newest)
    assert [message.text for message in late] == ["late"] * 6


@pytest.mark.covers("CV-11")
async def test_the_edges_of_a_conversation(store):
    empty = await store.create(owner="ana")
    page = await empty.history()
    assert (page.items, page.next, page.previous) == ([], None, None)
    session = await numbered(store, 3)
    first, last = "msg_main_0000000000", "msg_main_0000000002"
    assert text(await session.history(before=first)) == []
    assert text(await session.history(after=last)) == []
    assert text(await session.history(before="msg_main_0000000003")) == ["0", "1", "2"]
    for unknown in ("msg_main_0000000004", "msg_main_9999999999"):
        with pytest.raises(NotFound):
            await session.history(before=unknown)
        with pytest.raises(NotFound):
            await session.history(after=unknown)
    for nonsense in (
        "",
        "0",
        "msg_main_-000000001",
        "msg_main_00000000000",
        "msg_main_" + "\u0660" * 10,
        "toolrun_0000000000",
    ):
        for asked in ({"before": nonsense}, {"after": nonsense}):
            with pytest.raises(NotFound):
                await session.history(**asked)
        with pytest.raises(NotFound):
            await session.message(nonsense)
    with pytest.raises(Invalid):
        await session.history(before=last, after=first)


@pytest.mark.covers("CV-11", "CV-03")
async def test_ids_are_not_used_again_after_clearing(store):
    session = await numbered(store, 5)
    assert await session.clear() == 5
    assert (await session.history()).items == []
    await session.append([user("a"), user("b")])
    page = await session.history(limit=1)
    assert (text(page), page.items[0].id) == (["b"], "msg_main_0000000006")
    assert text(await session.history(limit=1, before=page.previous)) == ["a"]
    assert (await session.history(before="msg_main_0000000005")).items == []
    assert text(await session.history(after="msg_main_0000000002")) == ["a", "b"]
    with pytest.raises(NotFound):
        await session.message("msg_main_0000000001")
    assert session.counts.messages == 2


@pytest.mark.covers("CV-03", "CV-12", "OP-12")
async def test_reading_costs_what_is_read(clock):
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    session = await store.create(owner="ana")
    for _ in range(20):
        await session.append([user()] * 1_000)
    cold = on(counting, clock)
    for call, records in (
        (cold.get(session.id), 1),
        (cold.history(session.id, limit=10), 11),
        (cold.history(session.id, limit=10, before="msg_main_0000010000"), 11),
        (cold.message(session.id, "msg_main_0000010000"), 2),
        (cold.list(owner="ana"), 1),
    ):
        counting.calls.clear()
        await call
        assert counting.calls["records"] == records
        assert counting.calls["load"] + counting.calls["scan"] == 1


@pytest.mark.covers("CV-02")
async def test_originals_are_kept_verbatim_and_paged(store):
    session = await store.create(owner="ana")
    lines = [f'{{"n":{n}, "odd" : "\\u00e9"}}' for n in range(10)]
    await store.append(session.id, [user(original=3)], originals=lines)
    page = await store.originals(session.id, limit=4)
    assert (page.items, page.next, page.previous) == (lines[6:], None, "6")
    assert (await store.originals(session.id, limit=4, before=6)).items == lines[2:6]
    assert (await store.originals(session.id, limit=4, after=2)).items == lines[3:7]
    for wrong in ({"before": -1}, {"after": -2}, {"before": 1, "after": 2}):
        with pytest.raises(Invalid):
            await store.originals(session.id, **wrong)
    with pytest.raises(NotFound):
        await store.originals(session.id, before=11)
    for wrong in (b"bytes", 5, "\ud800"):
        with pytest.raises(Invalid) as caught:
            await store.append(session.id, (), originals=["ok", wrong])
        assert caught.value.pointer == "/originals/1"
