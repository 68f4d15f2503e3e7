"""The SDK's own conformance suite, its helpers over a store, and what only Holdall can do besides."""

from __future__ import annotations

import asyncio
import random

import pytest
from claude_agent_sdk import (
    InMemorySessionStore,
    fork_session_via_store,
    get_session_messages_from_store,
    list_sessions_from_store,
)
from claude_agent_sdk.testing import run_session_store_conformance

import holdall
from holdall_claude_agent import HoldallSessionStore
from holdall_claude_agent.entries import entry_of, message_of

KEY = {"project_key": "-srv-site", "session_id": "550e8400-e29b-41d4-a716-446655440000"}
SUB = {**KEY, "subpath": "subagents/agent-1"}


@pytest.mark.covers("XX-01")
async def test_the_sdks_conformance_suite() -> None:
    """All 14 contracts, on a new store for each."""
    opened = []

    async def fresh():
        opening = holdall.open({"storage": {"use": "memory"}})
        opened.append(opening)
        return HoldallSessionStore(await opening.__aenter__(), owner="ana")

    await run_session_store_conformance(fresh)
    assert len(opened) > 14
    for opening in opened:
        await opening.__aexit__(None, None, None)


def line(n, **fields):
    role = "assistant" if n % 2 else "user"
    parent = f"00000000-0000-4000-8000-{n - 1:012}" if n else None
    return {
        "type": role,
        "uuid": f"00000000-0000-4000-8000-{n:012}",
        "parentUuid": parent,
        "sessionId": KEY["session_id"],
        "timestamp": f"2026-01-01T00:00:{n % 60:02}.000Z",
        "message": {"role": role, "content": [{"type": "text", "text": f"said {n}"}]},
        **fields,
    }


LINES = [
    line(0, message={"role": "user", "content": "hello"}),
    line(1, message={"role": "assistant", "id": "msg_1", "usage": {"input_tokens": 1}, "content": [
        {"type": "thinking", "thinking": "hm", "signature": "abc"},
        {"type": "text", "text": "let me look"},
        {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "x"}},
    ]}),
    line(2, message={"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}]},
         toolUseResult={"type": "text"}),
    line(3, message={"role": "assistant", "content": [{"type": "image", "source": {"data": "AAAA"}}, "odd", {}]}),
    {"type": "summary", "summary": "About x", "leafUuid": "1"},
    {"type": "custom-title", "customTitle": "Mine", "sessionId": "s"},
    {"type": "user", "message": None},
    {"type": "user", "message": {"content": [{"type": "tool_use", "id": 3}]}},
]  # fmt: skip


def test_a_line_comes_back_and_is_readable() -> None:
    messages = [message_of(each) for each in LINES]
    assert [entry_of(message) for message in messages] == LINES
    assert [message["role"] for message in messages[:5]] == ["user", "assistant", "tool", "assistant", "system"]
    assert [part["type"] for part in messages[1]["content"]] == ["thinking", "text", "tool_call"]
    assert messages[2]["content"][0]["content"] == "42"


async def test_lines_come_back_from_a_storage(store) -> None:
    ours = HoldallSessionStore(store, owner="ana")
    large = line(9, message={"role": "user", "content": [{"type": "image", "source": {"data": '"A' * 400_000}}]})
    await ours.append(KEY, [*LINES, large, line(10)])
    assert await ours.load(KEY) == [*LINES, large, line(10)]
    assert await HoldallSessionStore(store, owner="ben").load(KEY) is None


async def test_a_line_with_a_uuid_is_stored_once(store) -> None:
    """A batch that is sent again, in this process or in another, and lines that come in two batches."""
    ours = HoldallSessionStore(store, owner="ana")
    await ours.append(KEY, [line(0), line(1), line(1)])
    await ours.append(KEY, [line(0), line(1)])
    await HoldallSessionStore(store, owner="ana").append(KEY, [line(1), line(2), LINES[4]])
    await ours.append(KEY, [line(2), line(3), LINES[4]])
    assert await ours.load(KEY) == [line(0), line(1), line(2), LINES[4], line(3), LINES[4]]


async def test_two_processes_lose_no_line_and_repeat_none(store) -> None:
    both = [HoldallSessionStore(store, owner="ana") for _ in range(2)]
    await asyncio.gather(*(both[n % 2].append(KEY, [line(n // 2)]) for n in range(60)))
    found = await both[0].load(KEY)
    assert sorted(each["uuid"] for each in found) == [line(n)["uuid"] for n in range(30)]
    summaries = await both[0].list_session_summaries(KEY["project_key"])
    assert [each["session_id"] for each in summaries] == [KEY["session_id"]]


async def test_the_sdks_helpers_give_the_same_as_from_memory(store) -> None:
    ours, theirs = HoldallSessionStore(store, owner="ana"), InMemorySessionStore()
    for each in (ours, theirs):
        await each.append(KEY, LINES[:4])
        await each.append(SUB, [line(0, isSidechain=True)])
        await each.append({**KEY, "session_id": "550e8400-e29b-41d4-a716-446655440001"}, [line(n) for n in range(6)])
    messages = [
        await get_session_messages_from_store(each, KEY["session_id"], directory="/srv/site") for each in (ours, theirs)
    ]
    assert messages[0] == messages[1]
    assert len(messages[0]) == 4
    listed = [await list_sessions_from_store(each, directory="/srv/site") for each in (ours, theirs)]
    about = [sorted((one.session_id, one.summary, one.first_prompt) for one in found) for found in listed]
    assert about[0] == about[1]
    assert len(about[0]) == 2
    forked = await fork_session_via_store(ours, KEY["session_id"], directory="/srv/site")
    assert len(await get_session_messages_from_store(ours, forked.session_id, directory="/srv/site")) == 4


async def test_a_transcript_that_was_deleted_begins_again(store) -> None:
    ours = HoldallSessionStore(store, owner="ana")
    await ours.append(KEY, [line(0)])
    await ours.append(SUB, [line(0)])
    await HoldallSessionStore(store, owner="ana").delete(KEY)
    assert (await ours.load(KEY), await ours.load(SUB), await ours.list_subkeys(KEY)) == (None, None, [])
    await ours.append(KEY, [line(0)])
    assert await ours.load(KEY) == [line(0)]
    for session in await store.list(owner="ana"):
        await session.clear()
    assert await ours.load(KEY) is None
    await ours.append(KEY, [line(0)])
    assert await ours.load(KEY) == [line(0)]


async def test_long_transcripts_are_read_whole(store) -> None:
    ours = HoldallSessionStore(store, owner="ana")
    lines = [line(n) for n in range(1300)]
    await ours.append(KEY, lines)
    assert await ours.load(KEY) == lines
    await HoldallSessionStore(store, owner="ana").append(KEY, [line(0), line(1300)])
    assert len(await ours.load(KEY)) == 1301


NAMES = (
    "type",
    "uuid",
    "message",
    "content",
    "role",
    "text",
    "id",
    "name",
    "input",
    "tool_use_id",
    "thinking",
    "claude",
)
WORDS = ("user", "assistant", "text", "thinking", "tool_use", "tool_result", "summary", "data")


def anything(rng, depth=3):
    kind = rng.randrange(8 if depth else 5)
    if kind < 3:
        return rng.choice(WORDS)
    if kind < 5:
        return rng.choice([None, True, 0, 1.5, "", "é😀\0"])
    if kind < 6:
        return [anything(rng, depth - 1) for _ in range(rng.randrange(3))]
    return {name: anything(rng, depth - 1) for name in rng.sample(NAMES, rng.randrange(5))}


async def test_any_line_comes_back(store) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    fields = [{name: anything(rng) for name in rng.sample(NAMES[2:], rng.randrange(5))} for _ in range(1500)]
    lines = [{"type": rng.choice(WORDS), **each} for each in fields]
    assert [each for each in lines if entry_of(message_of(each)) != each] == []
    ours = HoldallSessionStore(store, owner="ana")
    await ours.append(KEY, lines)
    assert await ours.load(KEY) == lines
