"""Any item comes back as it was, and those that people read are readable in Holdall."""

from __future__ import annotations

import random

import pytest

from holdall_openai_agents import HoldallSession
from holdall_openai_agents.items import item_of, message_of

ITEMS = [
    {"role": "user", "content": "hello"},
    {"type": "message", "role": "user", "content": "hello"},
    {
        "role": "user",
        "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:x"}],
    },
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "yes", "annotations": [], "logprobs": []}],
    },
    {
        "type": "function_call",
        "call_id": "c1",
        "name": "f",
        "arguments": '{"a": 1}',
        "id": "fc_1",
        "status": "completed",
    },
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
    {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "x"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "compaction", "encrypted_content": "abc"},
    {"__enc__": 1, "v": 1, "kid": "hkdf-v1", "payload": "gAAAA"},
    {"role": "critic", "content": "no such role"},
    {"role": "user", "content": [{"type": "data", "data": 1}]},
    {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]},
    {"role": "user", "content": "x", "openai": {"role": "system"}},
    {"type": "function_call", "call_id": None, "name": 3},
    {},
]


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_comes_back(item) -> None:
    assert item_of(message_of(item)) == item


def test_what_people_read_is_readable() -> None:
    read = [message_of(item) for item in ITEMS[:8]]
    assert [message["role"] for message in read] == ["user"] * 3 + ["assistant"] * 2 + ["tool"] * 2 + ["assistant"]
    assert read[0] == {"role": "user", "content": "hello"}
    assert read[3]["content"][0]["text"] == "yes"
    assert {**read[4]["content"][0], "openai": 0} == {
        "type": "tool_call", "id": "c1", "name": "f", "arguments": '{"a": 1}', "openai": 0,
    }  # fmt: skip
    assert read[5]["content"][0]["content"] == "42"
    assert read[7]["content"][0]["text"] == "hm"


def test_messages_that_were_made_otherwise_are_items_too() -> None:
    """What a person or another program appended is part of the conversation that the agent sees."""
    said = {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}
    assert item_of(said) == {"role": "assistant", "content": [{"type": "output_text", "text": "yes"}]}
    call = {"role": "assistant", "content": [{"type": "tool_call", "id": "c", "name": "f", "arguments": "{}"}]}
    assert item_of(call) == {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


NAMES = ("type", "role", "content", "text", "call_id", "name", "arguments", "output", "summary", "image_url", "openai")
WORDS = ("message", "function_call", "function_call_output", "reasoning", "user", "assistant", "input_text", "data")


def anything(rng: random.Random, depth: int = 3):
    kind = rng.randrange(8 if depth else 5)
    if kind < 3:
        return rng.choice(WORDS)
    if kind < 5:
        return rng.choice([None, True, 0, 1.5, "", "é😀\0"])
    if kind < 6:
        return [anything(rng, depth - 1) for _ in range(rng.randrange(3))]
    return {name: anything(rng, depth - 1) for name in rng.sample(NAMES, rng.randrange(5))}


async def test_any_item_comes_back(store) -> None:
    """Also from a storage."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    items = [{name: anything(rng) for name in rng.sample(NAMES, rng.randrange(7))} for _ in range(3000)]
    assert [item for item in items if item_of(message_of(item)) != item] == []
    session = HoldallSession("s", store, owner="ana")
    await session.add_items(items)
    assert await session.get_items() == items
