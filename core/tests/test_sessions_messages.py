"""A conversation: stored as it came, in order, once, and read by page in both directions.

Covers ST-16.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Mapping
from types import MappingProxyType

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stores import on, text, user, walked

from holdall import Invalid, TooLarge
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


async def test_a_stored_message_is_a_mapping_in_all_that_one_can_do(store):
    session = await store.create(owner="ana")
    message = await session.append({"role": "user", "content": "hello", "metadata": {"a": 1}})
    fields = json.loads(message.raw)
    assert isinstance(message, Mapping)
    assert dict(message) == {**message} == fields
    assert (list(message), len(message), message["role"]) == (list(fields), len(fields), "user")
    assert message.keys() == fields.keys()
    assert message.items() == fields.items()
    assert list(message.values()) == list(fields.values())
    assert ("role" in message, "usage" in message, message.get("usage", 7)) == (True, False, 7)
    assert message == fields
    assert message != {**fields, "role": "tool"}
    match message:
        case {"role": "user", "content": words}:
            assert words == "hello"
        case _:
            pytest.fail("it is no mapping to match")
    for again in (pickle.loads(pickle.dumps(message)), copy.copy(message), copy.deepcopy(message)):
        assert (again, again.raw, again.version, type(again)) == (message, message.raw, message.version, type(message))
    for refused in (hash, reversed):
        with pytest.raises(TypeError):
            refused(message)
    with pytest.raises(KeyError):
        message["usage"]
