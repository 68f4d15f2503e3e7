"""What one turn costs as a conversation grows, on Holdall's file backend and on each framework's own store.

In one process, a turn of one and a turn of the other by turns; CPU time of the whole process, and bytes on disk.

    .venv-adapters/bin/python contrib/adapters/bench/growth.py --out docs/benchmarks/adapters.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, TypedDict

import holdall

Turn = Callable[[int], Awaitable[Any]]
Pair = tuple[Turn, Turn]


async def openai_agents(stack: AsyncExitStack, store: holdall.Store, folder: Path, size: int) -> Pair:
    """Two items added, and the last twenty read; beside ``SQLiteSession``."""
    from agents import SQLiteSession  # noqa: PLC0415

    from holdall_openai_agents import HoldallSession  # noqa: PLC0415

    both: list[Any] = [HoldallSession(f"s{size}", store, owner="ana"), SQLiteSession("s", folder / "peer.db")]
    stack.callback(both[1].close)
    for each in both:
        for at in range(0, size, 100):
            await each.add_items([{"role": "user", "content": f"item {n} {'x' * 200}"} for n in range(at, at + 100)])

    def turn(session: Any) -> Turn:
        async def run(n: int) -> None:
            await session.add_items(
                [{"role": "user", "content": f"{n} {'x' * 200}"}, {"role": "assistant", "content": "y"}]
            )
            await session.get_items(20)

        return run

    return turn(both[0]), turn(both[1])


async def langgraph(stack: AsyncExitStack, store: holdall.Store, folder: Path, size: int) -> Pair:
    """A question and an answer through a graph that adds messages; beside ``AsyncSqliteSaver``."""
    from langchain_core.messages import AIMessage, HumanMessage  # noqa: PLC0415
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415
    from langgraph.graph.message import add_messages  # noqa: PLC0415

    from holdall_langgraph import HoldallSaver  # noqa: PLC0415

    state = TypedDict("state", {"messages": Annotated[list, add_messages]})  # noqa: UP013
    theirs = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / "peer.db")))
    graphs: list[Any] = []
    for saver in (HoldallSaver(store, owner="ana"), theirs):
        builder = StateGraph(state)
        builder.add_node("answer", lambda given: {"messages": [AIMessage("y", id=f"a{len(given['messages'])}")]})
        builder.add_edge(START, "answer")
        builder.add_edge("answer", END)
        graphs.append(builder.compile(checkpointer=saver))
    config = {"configurable": {"thread_id": f"t{size}"}}
    for graph in graphs:
        messages = [HumanMessage(f"message {n} {'x' * 200}", id=f"m{n}") for n in range(size)]
        await graph.aupdate_state(config, {"messages": messages}, as_node="answer")

    def turn(graph: Any) -> Turn:
        async def run(n: int) -> None:
            await graph.ainvoke({"messages": [HumanMessage(f"{n} {'x' * 200}", id=f"q{n}")]}, config)

        return run

    return turn(graphs[0]), turn(graphs[1])


async def claude_agent(_stack: AsyncExitStack, store: holdall.Store, _folder: Path, size: int) -> Pair:
    """A batch of four lines; beside ``InMemorySessionStore``, which keeps nothing."""
    from claude_agent_sdk import InMemorySessionStore  # noqa: PLC0415

    from holdall_claude_agent import HoldallSessionStore  # noqa: PLC0415

    key: Any = {"project_key": "p", "session_id": f"s{size}"}
    both: list[Any] = [HoldallSessionStore(store, owner="ana"), InMemorySessionStore()]

    def lines(first: int, count: int) -> list[Any]:
        message = {"role": "user", "content": [{"type": "text", "text": "x" * 200}]}
        return [{"type": "user", "uuid": f"{n}", "message": message} for n in range(first, first + count)]

    for each in both:
        for at in range(0, size, 100):
            await each.append(key, lines(at, 100))

    def turn(each: Any) -> Turn:
        return lambda n: each.append(key, lines(size + 4 * n, 4))

    return turn(both[0]), turn(both[1])


async def google_adk(stack: AsyncExitStack, store: holdall.Store, folder: Path, size: int) -> Pair:
    """Two events appended, and the last twenty read; beside ``SqliteSessionService``."""
    from google.adk.events.event import Event  # noqa: PLC0415
    from google.adk.sessions.base_session_service import GetSessionConfig  # noqa: PLC0415
    from google.adk.sessions.sqlite_session_service import SqliteSessionService  # noqa: PLC0415
    from google.genai import types  # noqa: PLC0415

    from holdall_google_adk import HoldallSessionService  # noqa: PLC0415

    who: Any = {"app_name": f"app{size}", "user_id": "ana", "session_id": "s"}
    theirs = SqliteSessionService(str(folder / "peer.db"))
    stack.push_async_callback(theirs.close)
    both: list[Any] = [HoldallSessionService(store, owner="us"), theirs]

    def event() -> Event:
        content = types.Content(role="user", parts=[types.Part(text="x" * 200)])
        return Event(author="user", invocation_id="i", content=content)

    sessions: list[Any] = []
    for each in both:
        session = await each.create_session(**who)
        for _ in range(size):
            session.events.clear()
            await each.append_event(session, event())
        sessions.append(session)

    def turn(at: int) -> Turn:
        async def run(_: int) -> None:
            for _ in range(2):
                await both[at].append_event(sessions[at], event())
            await both[at].get_session(**who, config=GetSessionConfig(num_recent_events=20))

        return run

    return turn(0), turn(1)


CASES: dict[str, Any] = {each.__name__: each for each in (openai_agents, langgraph, claude_agent, google_adk)}


def stored(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def measured(case: str, size: int, turns: int) -> dict[str, Any]:
    """One case at one size: medians of CPU and wall time a turn, and bytes a turn."""
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Path(name, "ours"), Path(name, "theirs")
        theirs.mkdir()  # noqa: ASYNC240 - nothing else runs
        async with AsyncExitStack() as stack:
            options = {"use": "file", "options": {"path": str(ours)}}
            store = await stack.enter_async_context(holdall.open({"storage": options}))
            pair = await CASES[case](stack, store, theirs, size)
            times: list[list[tuple[float, float]]] = [[], []]
            for each in pair:  # what is made once, such as a log for the process, is not a turn's
                await each(0)
            before = stored(ours), stored(theirs)
            for n in range(1, turns + 1):
                for which in ((0, 1), (1, 0))[n % 2]:
                    wall, cpu = time.perf_counter(), time.process_time()
                    await pair[which](n)
                    times[which].append((time.process_time() - cpu, time.perf_counter() - wall))
            grown = [
                (after - first) / turns for after, first in zip((stored(ours), stored(theirs)), before, strict=True)
            ]
    row: dict[str, Any] = {"case": case, "items": size, "turns": turns}
    for which, name in enumerate(("holdall", "theirs")):
        cpu, wall = (statistics.median(each) * 1000 for each in zip(*times[which], strict=True))
        row[name] = {"cpu_ms": round(cpu, 3), "wall_ms": round(wall, 3), "bytes": round(grown[which])}
    return row


def main() -> None:
    """Measure, and print a line for each; all of it goes to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--out")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for case in asked.cases.split(","):
        for size in map(int, asked.sizes.split(",")):
            turns = asked.turns if case != "langgraph" or size < 5000 else 6  # noqa: PLR2004 - theirs writes 100 MB
            rows.append(asyncio.run(measured(case, size, turns)))
            print(json.dumps(rows[-1]))  # noqa: T201 - what the command is for
    if asked.out:
        Path(asked.out).write_text(json.dumps({"versions": versions(), "rows": rows}, indent=1) + "\n")


def versions() -> dict[str, str]:
    """What was measured."""
    from importlib.metadata import version  # noqa: PLC0415

    names = ("openai-agents", "langgraph", "langgraph-checkpoint-sqlite", "claude-agent-sdk", "google-adk")
    return {name: version(name) for name in names}


if __name__ == "__main__":
    main()
