"""Long lists of messages: what is remembered of them saves work, and is never seen."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, MessagesState, StateGraph

from holdall_langgraph import HoldallSaver

THREAD: Any = {"configurable": {"thread_id": "t"}}


def begun(count: int) -> list[Any]:
    """Messages of every kind, with all that they can have."""
    kinds: list[Any] = [
        lambda n: SystemMessage(f"rules {n}", id=f"m{n}"),
        lambda n: HumanMessage([{"type": "text", "text": f"see {n}"}, {"type": "image_url", "image_url": "u"}], id=f"m{n}"),
        lambda n: AIMessage(f"yes {n}", id=f"m{n}", response_metadata={"model": "x", "n": n}, additional_kwargs={"a": [n]},
                            usage_metadata={"input_tokens": n, "output_tokens": 1, "total_tokens": n + 1},
                            tool_calls=[{"id": f"c{n}", "name": "look", "args": {"n": n, "deep": [True, None, 1.5]}}]),
        lambda n: ToolMessage("found", tool_call_id=f"c{n}", id=f"m{n}", artifact={"rows": [n]}, status="error"),
        lambda n: HumanMessage(f"hé {n}", id=f"m{n}", name="ana", more={"of": "their own"}),
    ]  # fmt: skip
    return [kinds[n % len(kinds)](n) for n in range(count)]


def graph(saver: Any, node: Any = lambda _: {}) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(checkpointer=saver)


def meddling(seed: int) -> Any:
    """A node that does to the messages of its state what nodes do, allowed or not; the same for the same seed.

    Messages are changed in place, too. Unless a graph waits for its checkpoints, any saver may then see that too early.
    """
    rng = random.Random(seed)

    def node(state: Any) -> Any:
        listed = state["messages"]
        one = listed[rng.randrange(len(listed))]
        act = rng.choice(["say", "content", "nested", "type", "extra", "replace", "remove", "trim"])
        if act == "content":
            one.content = f"changed in place {rng.random()}"
        elif act == "nested":
            one.additional_kwargs["seen"] = rng.randrange(9)
        elif act == "type":
            one.response_metadata["n"] = rng.choice([1, True, 1.0, "1"])
        elif act == "extra":
            one.note = rng.randrange(9)
        elif act == "replace":
            return {"messages": [HumanMessage("instead", id=one.id)]}
        elif act == "remove":
            return {"messages": [RemoveMessage(id=one.id)]}
        elif act == "trim":
            return {"messages": [RemoveMessage(id=first.id) for first in listed[: rng.randrange(3)]]}
        return {"messages": [AIMessage(f"answer {len(listed)}", id=f"a{rng.random()}")]}

    return node


async def history(made: Any) -> list[Any]:
    """Every state of the thread, to the type of each value."""
    states = [state async for state in made.aget_state_history(THREAD)]
    return [(repr(state.values), state.next, state.metadata["step"]) for state in states]


@pytest.mark.covers("XX-01")
async def test_whatever_nodes_do_to_messages_the_history_is_the_same_as_in_memory(store) -> None:
    for seed in random.sample(range(10**6), 1):
        print("seed", seed)
        THREAD["configurable"]["thread_id"] = f"t{seed}"
        saver = HoldallSaver(store, owner="ana")
        both = [graph(each, meddling(seed)) for each in (saver, InMemorySaver())]
        for made in both:
            await made.aupdate_state(THREAD, {"messages": begun(40)}, as_node="node")
            for n in range(12):
                question = {"messages": [HumanMessage(f"question {n}", id=f"q{n}")]}
                await made.ainvoke(question, THREAD, durability="sync")
        ours, theirs = [await history(made) for made in both]
        assert ours == theirs
        assert await history(graph(HoldallSaver(store, owner="ana"))) == theirs


async def test_a_turn_serialises_the_same_number_of_messages_however_long_the_conversation_is(store) -> None:
    serde, calls = JsonPlusSerializer(), [0]

    def counted(name: str) -> Any:
        whole = getattr(serde, name)

        def call(*given: Any) -> Any:
            calls[0] += 1
            return whole(*given)

        return call

    for name in ("dumps_typed", "loads_typed"):
        setattr(serde, name, counted(name))
    made = graph(HoldallSaver(store, owner="ana", serde=serde), lambda _: {"messages": [AIMessage("yes")]})
    turns: list[int] = []
    for size in (100, 1_000):
        THREAD["configurable"]["thread_id"] = f"t{size}"
        await made.aupdate_state(THREAD, {"messages": begun(size)}, as_node="node")
        await made.ainvoke({"messages": [HumanMessage("the first reads the list")]}, THREAD)
        before = calls[0]
        await made.ainvoke({"messages": [HumanMessage("and then")]}, THREAD)
        turns.append(calls[0] - before)
    assert turns[0] == turns[1] < 60


async def test_what_was_read_is_the_callers_own(store) -> None:
    made = graph(HoldallSaver(store, owner="ana"))
    await made.aupdate_state(THREAD, {"messages": begun(50)}, as_node="node")
    for _ in range(3):
        listed = (await made.aget_state(THREAD)).values["messages"]
        assert listed == begun(50)
        for one in listed:
            one.content, one.response_metadata["n"] = "mine", "mine"
            one.additional_kwargs["mine"] = True
        listed.clear()


def serialised(name: str) -> list[str]:
    """Another message, as a record has it."""
    kind, data = JsonPlusSerializer().dumps_typed(HumanMessage("changed", id=name))
    return [kind, base64.b64encode(data).decode()]


async def test_what_somebody_else_changes_is_read_anew(store) -> None:
    made = graph(HoldallSaver(store, owner="ana"))
    await made.aupdate_state(THREAD, {"messages": begun(50)}, as_node="node")
    assert (await made.aget_state(THREAD)).values["messages"] == begun(50)
    session = await store.find(owner="ana", key=THREAD["configurable"]["thread_id"])
    first, *_, last = (await session.history(limit=50)).items
    await store.edit(session.id, first.id, {"langgraph": serialised("x1")})
    assert (await made.aget_state(THREAD)).values["messages"] == [HumanMessage("changed", id="x1"), *begun(50)[1:]]

    async def meanwhile(_state: Any) -> Any:
        await store.edit(session.id, last.id, {"langgraph": serialised("x2")})
        return {"messages": [AIMessage("yes", id="m99")]}

    await graph(made.checkpointer, meanwhile).ainvoke({"messages": [HumanMessage("go on", id="m98")]}, THREAD)
    listed = (await made.aget_state(THREAD)).values["messages"]
    assert [one.id for one in listed] == ["x1", *(f"m{n}" for n in range(1, 49)), "x2", "m98", "m99"]
    await store.delete(session.id)
    assert (await made.aget_state(THREAD)).values == {}
    await made.aupdate_state(THREAD, {"messages": begun(40)}, as_node="node")
    assert (await made.aget_state(THREAD)).values["messages"] == begun(40)
