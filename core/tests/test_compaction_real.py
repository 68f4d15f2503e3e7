"""Compaction of real transcripts: no call without its result, the budget kept, the same every time, everything readable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall import Message
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data" / "agents"
FILES = [*sorted(DATA.glob("claude-code/**/*.jsonl*")), *sorted(DATA.glob("codex/*"))]
SHORT = ("agentcmd_full-session-four.jsonl", "viewer_1af7fc5e.jsonl", "6a_54c404f24f_0.jsonl.gz")
"""With the shorter one of Codex's, for every run of the tests."""
BUDGETS = (50_000, 10_000, 2_000, 300)

pytestmark = [
    pytest.mark.covers("CV-13", "CV-16"),
    pytest.mark.skipif(not FILES, reason="the transcripts are not beside the checkout (shared/data)"),
]


async def brought(path: Path) -> tuple[Any, Store, str]:
    """A file as a session of a store of its own, with every compactor."""
    opening = holdall.open(
        {
            "storage": {"use": "memory"},
            "sessions": {"sweep_every": 0},
            "compaction": {"use": ["elision", "summary", "window"]},
        }
    )
    store = await opening.__aenter__()
    report = await import_file(StoreTarget(store), path, Choices("ana"))
    return opening, store, report.sessions[0].session


def calls_of(messages: list[Message]) -> tuple[set[str], set[str]]:
    """The calls and the results in messages, by the ids of the calls."""
    parts = [part for message in messages if not isinstance(message.content, str) for part in message.content]
    kinds = [[part["id"] for part in parts if part["type"] == kind] for kind in ("tool_call", "tool_result")]
    return {*kinds[0]}, {*kinds[1]}


def together(messages: list[Message]) -> set[str]:
    """The newest of messages, and those that share a call with it, or with one that does."""
    names: dict[str, set[str]] = {}
    for one in messages:
        calls, results = calls_of([one])
        names[one.id] = calls | results
    found = {messages[-1].id}
    while True:
        named = {name for each in found for name in names[each]}
        more = found | {each for each, own in names.items() if own & named}
        if more == found:
            return found
        found = more


async def said(store: Store, session: str) -> list[Message]:
    """All that the session shows."""
    return [message async for message in (await store.get(session)).messages()]


async def everything(store: Store, session: str) -> list[bytes]:
    """The messages of the whole session, and its originals, byte for byte."""
    return [b"".join([piece async for piece in export(store, session, form, every=form == "jsonl")]).split(b"\n", 1)[-1]
            for form in ("original", "jsonl")]  # fmt: skip


async def looked_at(store: Store, session: str, budget: int, before: list[Message]) -> dict[str, Any]:
    """Compact to a budget, and see that what is shown is whole; what was decided."""
    done = await store.compact(session, budget=budget)
    context = await store.active_context(session)
    calls, results = calls_of(before)
    shown_calls, shown_results = calls_of(context.messages)
    both = calls & results
    assert shown_calls & both == shown_results & both, "a call goes with its result"
    by_id = {message.id: message.raw for message in before}
    told = None if done.compaction is None else done.compaction.as_dict()
    elided = {one["message"] for one in told["elided"]} if told else set[str]()
    for message in context.messages:
        assert message.id in elided or message.id.startswith("summary_") or by_id[message.id] == message.raw
    places = [[*by_id].index(message.id) for message in context.messages if message.id in by_id]
    assert places == sorted(set(places)), "in their order, each once"
    recounted = await store.active_context(session, budget=10**9)
    assert recounted.tokens == done.tokens
    assert done.met == (done.tokens <= budget)
    kept = {message.id for message in before if message.role in ("system", "developer")} | {before[-1].id}
    shown = {message.id for message in context.messages}
    assert kept <= shown
    if not done.met:
        assert shown <= kept | together(context.messages), "else there was more that could be given up"
    again = await store.compact(session, budget=budget)
    assert (again.new, again.tokens, again.compaction and again.compaction.id) == (
        False,
        done.tokens,
        told and told["id"],
    )
    texts = [message.text for message in context.messages if message.id.startswith("summary_")]
    return {"told": _timeless(told), "shown": [message.id for message in context.messages], "summaries": texts}


def _timeless(told: dict[str, Any] | None) -> Any:
    return None if told is None else {name: value for name, value in told.items() if name != "created_at"}


def _marks(path: Path) -> list[Any]:
    codex = "codex" in path.parts and path == min(DATA.glob("codex/*"), key=lambda each: each.stat().st_size)
    return [] if path.name in SHORT or codex else [pytest.mark.thorough]


@pytest.mark.parametrize("path", [pytest.param(path, marks=_marks(path), id=path.name[:40]) for path in FILES])
async def test_a_transcript_is_compacted_and_stays_whole(path: Path) -> None:
    found: list[list[dict[str, Any]]] = []
    for _ in range(2):
        opening, store, session = await brought(path)
        try:
            before, kept = await said(store, session), await everything(store, session)
            found.append([await looked_at(store, session, budget, before) for budget in BUDGETS])
            assert [message.raw for message in await said(store, session)] == [message.raw for message in before]
            assert await everything(store, session) == kept
        finally:
            await opening.__aexit__(None, None, None)
    assert found[0] == found[1], "the same in every process"
    assert any(one["told"] for one in found[0]), "there was something to compact"
