"""Whole graphs leave the same behind as with LangGraph's own saver in memory; and what only Holdall can do besides."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

import holdall
from holdall_langgraph import HoldallSaver, opened

THREAD: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    messages: Annotated[list, add_messages]
    count: int


def answer(state: State):
    n = len(state["messages"])
    call = {"id": f"c{n}", "name": "look", "args": {"n": n}}
    return {
        "messages": [
            AIMessage(f"answer {n}", id=f"a{n}", tool_calls=[call]),
            ToolMessage("found", tool_call_id=f"c{n}", id=f"t{n}"),
        ],
        "count": state.get("count", 0) + 1,
    }


def graph(saver):
    builder = StateGraph(State)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder.compile(checkpointer=saver)


def said(n):
    return {"messages": [HumanMessage(f"question {n}", id=f"q{n}")]}


async def talked(saver, turns):
    made = graph(saver)
    for n in range(turns):
        await made.ainvoke(said(n), THREAD)
    return made


async def history(made):
    states = [state async for state in made.aget_state_history(THREAD)]
    return [(state.values, state.next, state.metadata["step"], state.metadata["source"]) for state in states]


@pytest.mark.covers("XX-01")
async def test_a_conversation_leaves_the_same_history_as_in_memory(store) -> None:
    ours = await talked(HoldallSaver(store, owner="ana"), 5)
    theirs = await talked(InMemorySaver(), 5)
    assert await history(ours) == await history(theirs)


async def test_the_conversation_is_read_as_messages(store) -> None:
    await talked(HoldallSaver(store, owner="ana"), 2)
    session = await store.find(owner="ana", key="t")
    page = await session.history()
    assert [message.role for message in page] == ["user", "assistant", "tool"] * 2
    assert [message.text for message in page][:2] == ["question 0", "answer 1"]
    assert session.metadata == {"thread_id": "t", "checkpoint_ns": ""}


async def test_going_back_and_another_way_shares_what_came_before(store) -> None:
    made = await talked(HoldallSaver(store, owner="ana"), 3)
    states = [state async for state in made.aget_state_history(THREAD)]
    early = next(state for state in states if len(state.values["messages"]) == 3 and not state.next)
    await made.ainvoke({"messages": [HumanMessage("another", id="q9")]}, early.config)
    state = await made.aget_state(THREAD)
    assert [message.id for message in state.values["messages"]] == ["q0", "a1", "t1", "q9", "a4", "t4"]
    old = await made.aget_state(states[0].config)
    assert [message.id for message in old.values["messages"]][3] == "q1"


async def test_a_message_that_was_replaced_is_new_where_it_stands(store) -> None:
    made = await talked(HoldallSaver(store, owner="ana"), 3)
    await made.aupdate_state(THREAD, {"messages": [HumanMessage("edited", id="q1")]})
    messages = (await made.aget_state(THREAD)).values["messages"]
    assert [message.id for message in messages] == ["q0", "a1", "t1", "q1", "a4", "t4", "q2", "a7", "t7"]
    assert messages[3].content == "edited"
    again = graph(HoldallSaver(store, owner="ana"))
    assert (await again.aget_state(THREAD)).values["messages"] == messages


async def test_a_turn_stores_the_same_however_long_the_conversation_is(store) -> None:
    """What grows is only what numbers take."""
    made = await talked(HoldallSaver(store, owner="ana"), 1)
    session = await store.find(owner="ana", key="t")
    sizes = []
    for n in range(1, 60):
        before = session.size
        await made.ainvoke(said(n), THREAD)
        await session.refresh()
        sizes.append(session.size - before)
    assert sum(sizes[-5:]) <= 1.05 * sum(sizes[4:9])


async def test_an_interrupted_run_goes_on_in_another_process(store) -> None:
    def ask(state: State):
        return {"messages": [HumanMessage(interrupt("your name?"), id="name")]}

    def made():
        builder = StateGraph(State)
        builder.add_node("ask", ask)
        builder.add_edge(START, "ask")
        return builder.compile(checkpointer=HoldallSaver(store, owner="ana"))

    stopped = await made().ainvoke({"messages": []}, THREAD)
    assert stopped["__interrupt__"][0].value == "your name?"
    done = await made().ainvoke(Command(resume="Ana"), THREAD)
    assert done["messages"][0].content == "Ana"


async def test_two_processes_lose_no_checkpoint(store) -> None:
    savers = [HoldallSaver(store, owner="ana") for _ in range(2)]
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    ids = []

    async def put(n):
        checkpoint = {
            **empty_checkpoint(),
            "channel_values": {"m": [HumanMessage(str(n))]},
            "channel_versions": {"m": n},
        }
        ids.append(checkpoint["id"])
        await savers[n % 2].aput(config, checkpoint, {"step": n}, {"m": n})

    await asyncio.gather(*(put(n) for n in range(30)))
    found = [one async for one in savers[0].alist(config)]
    assert sorted(one.checkpoint["id"] for one in found) == sorted(ids)
    assert all(one.checkpoint["channel_values"]["m"][0].content == str(one.metadata["step"]) for one in found)


async def test_values_larger_than_a_record_are_kept_whole(store) -> None:
    saver = HoldallSaver(store, owner="ana")
    values = {"big": "x" * 1_000_000, "messages": [HumanMessage("y" * 300_000), HumanMessage("short")]}
    checkpoint = {**empty_checkpoint(), "channel_values": values, "channel_versions": {"big": 1, "messages": 1}}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    stored = await saver.aput(config, checkpoint, {}, {"big": 1, "messages": 1})
    await saver.aput_writes(stored, [("big", "z" * 500_000)], "task")
    found = await HoldallSaver(store, owner="ana").aget_tuple(config)
    assert found.checkpoint["channel_values"] == values
    assert found.pending_writes == [("task", "big", "z" * 500_000)]


async def test_more_messages_than_go_into_one_step(store) -> None:
    made = graph(HoldallSaver(store, owner="ana"))
    messages = [HumanMessage(str(n), id=f"m{n}") for n in range(2500)]
    await made.aupdate_state(THREAD, {"messages": messages}, as_node="answer")
    again = graph(HoldallSaver(store, owner="ana"))
    assert (await again.aget_state(THREAD)).values["messages"] == messages


async def test_what_is_encrypted_by_langgraph_is_nowhere_readable(store) -> None:
    pytest.importorskip("cryptography")
    serde = EncryptedSerializer(Xor())
    made = await talked(HoldallSaver(store, owner="ana", serde=serde), 2)
    assert len((await made.aget_state(THREAD)).values["messages"]) == 6
    session = await store.find(owner="ana", key="t")
    entries = [*await session.history(), *await session.tool_runs(limit=100)]
    assert all(
        "question" not in str(one.fields)
        and "answer" not in str(one["langgraph"] if "langgraph" in one else one.get("result"))
        for one in entries
    )


class Xor:
    """No cipher, but unreadable."""

    def encrypt(self, plaintext):
        return "xor", bytes(byte ^ 0x5A for byte in plaintext)

    def decrypt(self, ciphername, ciphertext):
        return bytes(byte ^ 0x5A for byte in ciphertext)


async def test_what_is_deleted_begins_again(store) -> None:
    saver = HoldallSaver(store, owner="ana")
    made = await talked(saver, 2)
    await saver.adelete_thread("t")
    assert await store.find(owner="ana", key="t") is None
    assert (await made.aget_state(THREAD)).values == {}
    await made.ainvoke(said(0), THREAD)
    assert len((await made.aget_state(THREAD)).values["messages"]) == 3
    await (await store.find(owner="ana", key="t")).clear()
    assert (await made.aget_state(THREAD)).values == {}


async def test_owners_do_not_meet(store) -> None:
    await talked(HoldallSaver(store, owner="ana"), 1)
    ben = HoldallSaver(store, owner="ben")
    assert await ben.aget_tuple(THREAD) is None
    assert [one async for one in ben.alist(None)] == []


def test_a_program_without_a_loop_has_it_too(tmp_path) -> None:
    config = {"storage": {"use": "file", "options": {"path": str(tmp_path / "store")}}}
    with opened(config) as (store, bridge):
        saver = HoldallSaver(store, owner="ana", bridge=bridge)
        made = graph(saver)
        for n in range(3):
            made.invoke(said(n), THREAD)
        theirs = graph(InMemorySaver())
        for n in range(3):
            theirs.invoke(said(n), THREAD)
        states = [[state.values for state in each.get_state_history(THREAD)] for each in (made, theirs)]
        assert states[0] == states[1]
        saver.prune(["t"])
        assert len(list(saver.list(THREAD))) == 1
        saver.copy_thread("t", "u")
        saver.delete_thread("t")
        assert saver.get_tuple(THREAD) is None
    with opened(config) as (store, bridge):
        saver = HoldallSaver(store, owner="ana", bridge=bridge)
        assert len(graph(saver).get_state({"configurable": {"thread_id": "u"}}).values["messages"]) == 9


async def test_a_synchronous_call_on_the_loop_is_refused(store) -> None:
    with pytest.raises(RuntimeError, match="asynchronous"):
        HoldallSaver(store, owner="ana").get_tuple(THREAD)


async def test_what_expires_is_gone(store) -> None:
    saver = HoldallSaver(store, owner="ana", ttl=3600, project="site", tags=["x"], metadata={"k": 1})
    await talked(saver, 1)
    session = await store.find(owner="ana", key="t")
    assert (session.project, session.metadata["k"], "x" in session.tags) == ("site", 1, True)
    assert session.expires_at is not None
    assert isinstance(session, holdall.Session)


def together(state, writes):
    return [*(state or []), *(one for write in writes for one in write)]


class Changes(TypedDict):
    words: Annotated[list, DeltaChannel(together, snapshot_frequency=4)]


async def test_channels_of_changes_are_put_together_also_after_a_pruning(store) -> None:
    """LangGraph's delta channels: most checkpoints have only what was written; the rest is in those before."""

    def made(saver):
        builder = StateGraph(Changes)
        builder.add_node("more", lambda state: {"words": [len(state["words"])]})
        builder.add_edge(START, "more")
        builder.add_edge("more", END)
        return builder.compile(checkpointer=saver)

    ours, theirs = made(HoldallSaver(store, owner="ana")), made(InMemorySaver())
    for n in range(7):
        for each in (ours, theirs):
            await each.ainvoke({"words": [f"w{n}"]}, THREAD)
        found, wanted = [(await each.aget_state(THREAD)).values for each in (ours, theirs)]
        assert found == wanted
    assert await history(ours) == await history(theirs)
    saver = HoldallSaver(store, owner="ana")
    count = len([one async for one in saver.alist(THREAD)])
    await saver.aprune(["t"])
    assert len([one async for one in saver.alist(THREAD)]) < count
    assert (await made(saver).aget_state(THREAD)).values == wanted
