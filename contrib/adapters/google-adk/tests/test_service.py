"""The service answers as the kit's own does in memory; and what only Holdall can do besides."""

from __future__ import annotations

import asyncio
import random

import pytest
from google.adk.agents import BaseAgent
from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types

import holdall
from holdall_google_adk import HoldallSessionService

WHO = {"app_name": "site", "user_id": "ana"}


def said(n, author="user", **delta):
    content = types.Content(role=author, parts=[types.Part(text=f"said {n}")])
    return Event(
        id=f"e{n}", author=author, timestamp=1000.0 + n, invocation_id="i", content=content,
        actions=EventActions(state_delta=delta),
    )  # fmt: skip


def seen(session):
    if session is None:
        return None
    return session.id, session.user_id, session.state, [event.model_dump() for event in session.events]


@pytest.mark.covers("XX-01")
async def test_the_same_calls_get_the_same_answers_as_in_memory(store) -> None:  # noqa: C901 - one of many calls
    """Three hundred random calls on both."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    services = HoldallSessionService(store, owner="us"), InMemorySessionService()

    async def each(call, *args, **kwargs):
        found = []
        for service in services:
            try:
                found.append(await getattr(service, call)(*args, **kwargs))
            except (AlreadyExistsError, SessionNotFoundError) as error:
                found.append(type(error))
        return found

    for n in range(300):
        kind = rng.randrange(10)
        who = {"app_name": rng.choice("xy"), "user_id": rng.choice("ab")}
        name = {**who, "session_id": rng.choice("123")}
        if kind < 2:
            state = dict.fromkeys(rng.sample(["own", "app:a", "user:u", "temp:t"], 2), n)
            found = await each("create_session", **name, state=state)
            ours, theirs = (one if isinstance(one, type) else one.state for one in found)
            assert ours == theirs
        elif kind < 5:
            delta = dict.fromkeys(rng.sample(["own", "own2", "app:a", "user:u", "temp:t"], rng.randrange(3)), n)
            author = rng.choice(["user", "bot"])
            sessions = await each("get_session", **name)
            if sessions[0] is not None:
                for service, session in zip(services, sessions, strict=True):
                    await service.append_event(session, said(n, author, **delta))
                assert seen(sessions[0]) == seen(sessions[1])
        elif kind < 8:
            config = rng.choice([None, GetSessionConfig(num_recent_events=rng.randrange(4)),
                                 GetSessionConfig(after_timestamp=1000.0 + rng.randrange(300))])  # fmt: skip
            found = await each("get_session", **name, config=config)
            assert seen(found[0]) == seen(found[1])
        elif kind == 8:
            found = await each("list_sessions", **(who if rng.randrange(2) else {"app_name": who["app_name"]}))
            listed = [sorted(map(str, map(seen, one.sessions))) for one in found]
            assert listed[0] == listed[1]
            found = await each("get_user_state", **who)
            assert found[0] == found[1]
        elif rng.randrange(2):
            await each("delete_session", **name)


CALL = types.Part(function_call=types.FunctionCall(id="c1", name="look", args={"x": 1}))
ANSWER = types.Part(function_response=types.FunctionResponse(id="c1", name="look", response={"found": 2}))
THOUGHT = types.Part(text="hm", thought=True, thought_signature=b"\x00\xff")
IMAGE = types.Part(inline_data=types.Blob(mime_type="image/png", data=b"\x89PNG"))


async def test_an_event_comes_back_and_is_readable(store) -> None:
    service = HoldallSessionService(store, owner="us")
    session = await service.create_session(**WHO, session_id="s")
    content = [types.Content(role=role, parts=parts) for role, parts in
               [("model", [THOUGHT, CALL]), ("user", [ANSWER]), ("user", [IMAGE]), ("model", None)]]  # fmt: skip
    events = [Event(author="bot", content=each, actions=EventActions(state_delta={"k": [1]})) for each in content]
    events.append(Event(author="bot", error_code="E", error_message="no"))
    for event in events:
        await service.append_event(session, event)
    found = await HoldallSessionService(store, owner="us").get_session(**WHO, session_id="s")
    assert [each.model_dump() for each in found.events] == [each.model_dump() for each in events]
    page = await (await store.list(owner="us", project="site")).items[0].history()
    assert [message.role for message in page] == ["system", "assistant", "tool", "assistant", "system", "system"]
    assert [part["type"] for part in page.items[1]["content"]] == ["thinking", "tool_call"]


async def test_an_event_larger_than_a_message_is_kept_whole(store) -> None:
    service = HoldallSessionService(store, owner="us")
    session = await service.create_session(**WHO, session_id="s")
    big = types.Part(inline_data=types.Blob(mime_type="image/png", data=bytes(700_000)))
    for event in (said(1), Event(author="user", content=types.Content(parts=[big])), said(2, k=1)):
        await service.append_event(session, event)
    found = await service.get_session(**WHO, session_id="s")
    assert found.events == session.events
    assert found.state == {"k": 1}
    recent = await service.get_session(**WHO, session_id="s", config=GetSessionConfig(num_recent_events=2))
    assert recent.events == session.events[1:]


async def test_a_second_writer_is_told(store) -> None:
    """No event is lost, none is stored by one who had not seen the one before."""
    service = HoldallSessionService(store, owner="us")
    await service.create_session(**WHO, session_id="s")
    one, two = [await service.get_session(**WHO, session_id="s") for _ in range(2)]
    await service.append_event(one, said(1))
    with pytest.raises(StaleSessionError):
        await HoldallSessionService(store, owner="us").append_event(two, said(2))
    with pytest.raises(StaleSessionError):
        await service.append_event(two, said(2))
    await service.append_event(one, said(3))
    assert [event.id for event in (await service.get_session(**WHO, session_id="s")).events] == ["e1", "e3"]


async def test_branches_of_one_invocation_append_at_once(store) -> None:
    service = HoldallSessionService(store, owner="us")
    session = await service.create_session(**WHO, session_id="s")
    await asyncio.gather(*(service.append_event(session, said(n, **{f"k{n}": n, "app:a": n})) for n in range(20)))
    found = await service.get_session(**WHO, session_id="s")
    assert sorted(event.id for event in found.events) == sorted(f"e{n}" for n in range(20))
    assert {key for key in found.state if key.startswith("k")} == {f"k{n}" for n in range(20)}


async def test_the_same_event_again_is_stored_once(store) -> None:
    service = HoldallSessionService(store, owner="us")
    session = await service.create_session(**WHO, session_id="s")
    await service.append_event(session, said(1))
    await service.append_event(session, said(1))
    assert len((await service.get_session(**WHO, session_id="s")).events) == 1


async def test_a_session_that_is_gone_is_not_found(store) -> None:
    service = HoldallSessionService(store, owner="us")
    session = await service.create_session(**WHO)
    await service.delete_session(**WHO, session_id=session.id)
    with pytest.raises(SessionNotFoundError):
        await service.append_event(session, said(1))
    assert await service.get_session(**WHO, session_id=session.id) is None


async def test_what_others_append_is_no_event(store) -> None:
    service = HoldallSessionService(store, owner="us")
    session = await service.create_session(**WHO, session_id="s", state={"k": 1})
    stored = (await store.list(owner="us", project="site")).items[0]
    await stored.append({"role": "user", "content": "by hand"})
    found = await service.get_session(**WHO, session_id="s")
    assert (found.events, found.state) == ([], {"k": 1})
    await service.append_event(found, said(1))
    with pytest.raises(StaleSessionError):
        await service.append_event(session, said(2))


class Echo(BaseAgent):
    """Says what it was told, and counts."""

    async def _run_async_impl(self, ctx):
        count = ctx.session.state.get("count", 0) + 1
        text = types.Content(role="model", parts=[types.Part(text=f"{count}: {ctx.user_content.parts[0].text}")])
        yield Event(author=self.name, content=text, actions=EventActions(state_delta={"count": count}))


async def test_a_runner_goes_on_in_another_process(store) -> None:
    for n in range(3):
        runner = Runner(
            app_name="site", agent=Echo(name="echo"), session_service=HoldallSessionService(store, owner="us")
        )
        if n == 0:
            await runner.session_service.create_session(**WHO, session_id="s")
        new = types.Content(role="user", parts=[types.Part(text=f"hello {n}")])
        events = [each async for each in runner.run_async(user_id="ana", session_id="s", new_message=new)]
        assert events[-1].content.parts[0].text == f"{n + 1}: hello {n}"
    found = await HoldallSessionService(store, owner="us").get_session(**WHO, session_id="s")
    assert (len(found.events), found.state["count"]) == (6, 3)
    assert isinstance((await store.list(owner="us", project="site")).items[0], holdall.Session)
