"""What the SDK's own SQLiteSession does, a session in Holdall does; and what only Holdall can do besides."""

from __future__ import annotations

import asyncio
import random

import pytest
from agents import SessionSettings, SQLiteSession
from agents.extensions.memory import EncryptedSession
from agents.memory import Session

import holdall
from holdall_openai_agents import HoldallSession
from holdall_openai_agents.session import _BATCH


def said(text, role="user"):
    return {"role": role, "content": text}


def some(rng):
    n = rng.randrange(100)
    return rng.choice([
        said(f"é {n}"),
        {"type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": f"c{n}", "output": "x" * n},
        {"type": "reasoning", "id": f"rs_{n}", "summary": []},
        {"role": "assistant", "type": "message", "content": [{"type": "output_text", "text": "ok", "annotations": []}]},
    ])  # fmt: skip


async def test_it_is_a_session_of_the_sdk(store) -> None:
    assert isinstance(HoldallSession("s", store, owner="ana"), Session)


@pytest.mark.covers("XX-01")
async def test_the_same_calls_get_the_same_answers_as_from_sqlite(store, tmp_path) -> None:
    """Three hundred random calls on both."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    ours, theirs = HoldallSession("s", store, owner="ana"), SQLiteSession("s", tmp_path / "peer.db")
    for _ in range(300):
        kind = rng.randrange(20)
        if kind < 6:
            items = [some(rng) for _ in range(rng.randrange(4))]
            await ours.add_items(items)
            await theirs.add_items(items)
        elif kind < 11:
            assert await ours.pop_item() == await theirs.pop_item()
        elif kind < 19:
            limit = rng.choice([None, 0, 1, 2, 5, 100, -1])
            assert await ours.get_items(limit) == await theirs.get_items(limit)
        elif rng.randrange(3) == 0:
            await ours.clear_session()
            await theirs.clear_session()
    theirs.close()


async def test_nothing_is_stored_by_looking(store) -> None:
    session = HoldallSession("s", store, owner="ana")
    assert (await session.get_items(), await session.pop_item()) == ([], None)
    await session.clear_session()
    await session.add_items([])
    assert len(await store.list(owner="ana")) == 0


async def test_the_settings_limit_what_is_read(store) -> None:
    session = HoldallSession("s", store, owner="ana", session_settings=SessionSettings(limit=2))
    await session.add_items([said(str(n)) for n in range(5)])
    assert await session.get_items() == [said("3"), said("4")]
    assert await session.get_items(3) == [said("2"), said("3"), said("4")]


async def test_it_is_an_ordinary_session_of_its_owner(store) -> None:
    session = HoldallSession("s", store, owner="ana", project="site", title="Hello", ttl=3600)
    await session.add_items([said("hello")])
    found = await store.find(owner="ana", key="s")
    assert (found.project, found.title) == ("site", "Hello")
    assert [message.text for message in await found.history()] == ["hello"]
    await found.append(said("from elsewhere"))
    assert await session.get_items() == [said("hello"), said("from elsewhere")]
    assert await HoldallSession("s", store, owner="ben").get_items() == []
    acting = store.acting_as(holdall.Principal("ana"))
    assert len(await HoldallSession("s", acting).get_items()) == 2


async def test_what_was_taken_back_stays_in_the_history(store) -> None:
    session = HoldallSession("s", store, owner="ana")
    await session.add_items([said("one"), said("two")])
    assert await session.pop_item() == said("two")
    texts = [message.text for message in await (await store.find(owner="ana", key="s")).history()]
    assert texts[:2] == ["one", "two"]
    assert texts[2].startswith("Taken back")


@pytest.mark.parametrize("count", [_BATCH + 1, 1203])
async def test_long_conversations_are_read_whole(store, count) -> None:
    session = HoldallSession("s", store, owner="ana")
    items = [said(str(n)) for n in range(count)]
    await session.add_items(items)
    assert await session.get_items() == items
    for n in range(30):
        assert await session.pop_item() == items[-1 - n]
    assert await session.get_items() == items[:-30]
    assert await session.get_items(700) == items[-730:-30]


async def test_an_item_that_is_too_large_for_a_message_is_kept_whole(store) -> None:
    session = HoldallSession("s", store, owner="ana")
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 900_000, "detail": "auto"}
    items = [said("before"), {"role": "user", "content": [image]}, said('"\\' * 200_000), said("after")]
    await session.add_items(items)
    assert await session.get_items() == items
    assert await session.get_items(3) == items[1:]
    assert [await session.pop_item() for _ in range(2)] == [items[3], items[2]]
    assert await session.get_items() == items[:2]


async def test_what_json_cannot_say_is_refused_whole(store) -> None:
    session = HoldallSession("s", store, owner="ana")
    with pytest.raises(holdall.Invalid):
        await session.add_items([said("fine"), {"role": "user", "content": float("nan")}])
    assert await session.get_items() == []


async def test_a_session_that_was_deleted_begins_again(store) -> None:
    session = HoldallSession("s", store, owner="ana")
    await session.add_items([said("old")])
    await (await store.find(owner="ana", key="s")).delete()
    assert await session.get_items() == []
    await session.add_items([said("new")])
    assert await session.get_items() == [said("new")]


async def test_two_agents_take_no_item_twice_and_lose_none(store) -> None:
    one, two = (HoldallSession("s", store, owner="ana") for _ in range(2))
    await asyncio.gather(*((one, two)[n % 2].add_items([said(str(n))]) for n in range(40)))
    popped = await asyncio.gather(*((one, two)[n % 2].pop_item() for n in range(30)))
    texts = [item["content"] for item in [*popped, *await one.get_items()]]
    assert sorted(texts, key=int) == [str(n) for n in range(40)]


async def test_it_can_be_encrypted_by_the_sdk(store) -> None:
    session = EncryptedSession("s", HoldallSession("s", store, owner="ana"), encryption_key="a secret")
    await session.add_items([said("hello"), said("world")])
    assert await session.get_items() == [said("hello"), said("world")]
    assert await session.pop_item() == said("world")
    assert all(
        "hello" not in str(message.fields) for message in await (await store.find(owner="ana", key="s")).history()
    )


class Held:
    """A storage whose commits wait until they may go on."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.may = asyncio.Event()
        self.may.set()
        self.waits = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def commit(self, commit):
        self.waits.set()
        await self.may.wait()
        await self.inner.commit(commit)


async def test_a_cancelled_write_is_settled_when_the_cancellation_arrives() -> None:
    """A run that is cancelled while it saves: what is read after that does not change any more."""
    async with holdall.open({"storage": {"use": "memory"}}, around=Held) as store:
        held = store.engine.storage
        session = HoldallSession("s", store, owner="ana")
        await session.add_items([said("first")])
        held.may.clear()
        held.waits.clear()
        writing = asyncio.create_task(session.add_items([said("second")]))
        await held.waits.wait()
        writing.cancel()
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.sleep(0)
        assert not writing.done()
        held.may.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await session.get_items() == [said("first"), said("second")]
