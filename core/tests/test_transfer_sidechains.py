"""Sidechains of Claude Code become sub-conversations under the message with the call that started them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import StoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data" / "agents" / "claude-code"
ANA = Choices("ana")

pytestmark = pytest.mark.covers("CV-08", "CV-16")


@pytest.fixture
async def store() -> Any:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


def objects(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    found: list[dict[str, Any]] = []
    for line in data.split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def with_sidechains() -> list[Path]:
    files = sorted(DATA.rglob("*.jsonl*")) if DATA.is_dir() else []
    return [path for path in files if any(one.get("isSidechain") for one in objects(path))]


async def bring(store: Store, path: Path, choices: Choices = ANA) -> FileReport:
    return await import_file(StoreTarget(store), path, choices)


async def said(store: Store, session: str, branch: str) -> list[dict[str, Any]]:
    """All messages of a branch."""
    page = await store.history(session, branch=branch, limit=100)
    found = [*page]
    while page.previous is not None:
        page = await store.history(session, branch=branch, limit=100, before=page.previous)
        found = [*page, *found]
    return [one.fields for one in found]


def uuids(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    return [message["metadata"]["uuid"] for message in messages]


def parts(value: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    message: dict[str, Any] = value.get("message") or {}
    content: list[dict[str, Any]] = message["content"] if isinstance(message.get("content"), list) else []
    return [part for part in content if part.get("type") == kind]


def chains(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """By the first record's id: the sidechains of a transcript, each record joined to its parent."""
    parent = {one["uuid"]: one["parentUuid"] for one in records if one.get("isSidechain")}

    def root(uuid: str) -> str:
        return uuid if parent[uuid] not in parent else root(parent[uuid])

    found: dict[str, list[dict[str, Any]]] = {}
    for one in records:
        if one.get("isSidechain"):
            found.setdefault(root(one["uuid"]), []).append(one)
    return found


def starters(records: list[dict[str, Any]], sidechains: Mapping[str, list[dict[str, Any]]]) -> dict[str, str]:
    """By the first record's id: the record whose call has for its result what the sidechain said last."""
    asked = {part["id"]: one["uuid"] for one in records for part in parts(one, "tool_use") if part["name"] == "Task"}
    answers = {
        "\n".join(part["text"] for part in result["content"]): asked[result["tool_use_id"]]
        for one in records
        for result in parts(one, "tool_result")
        if result["tool_use_id"] in asked
    }
    last = {root: "\n".join(part["text"] for part in parts(chain[-1], "text")) for root, chain in sidechains.items()}
    return {root: answers[words] for root, words in last.items()}


@pytest.mark.skipif(not DATA.is_dir(), reason="the transcripts are not beside the checkout (shared/data)")
async def test_every_real_sidechain_lands_under_the_call_that_started_it(store: Store) -> None:
    paths = with_sidechains()
    assert paths, "there is a transcript with sidechains"
    for path in paths:
        records = objects(path)
        wanted = chains(records)
        started = starters(records, wanted)
        (done,) = (await bring(store, path)).sessions
        main = await said(store, done.session, "main")
        talk = [one for one in records if one["type"] in ("user", "assistant")]
        assert uuids(main) == [one["uuid"] for one in talk if not one.get("isSidechain")]
        subs = await store.branches(done.session, subs=True)
        found: dict[str, list[dict[str, Any]]] = {}
        for sub in subs:
            messages = await said(store, done.session, sub.name)
            found[uuids(messages)[0]] = messages
            assert sub.under is not None
            assert sub.under.message is not None
            under = await store.message(done.session, sub.under.message)
            assert under.metadata["uuid"] == started[uuids(messages)[0]]
            (call,) = [part for part in under.content if isinstance(part, dict) and part["type"] == "tool_call"]
            assert (sub.under.call, sub.title) == (call["id"], call["arguments"]["description"])
            assert sub.under.kind == call["arguments"]["subagent_type"]
            listed = await store.branches(done.session, under=sub.under.message)
            assert [one.name for one in listed] == [sub.name]
        assert {root: uuids(messages) for root, messages in found.items()} == {
            root: [one["uuid"] for one in chain] for root, chain in wanted.items()
        }
        for run in await store.tool_runs(done.session, limit=500):
            asked = await store.message(done.session, run["message"])
            assert run["call"] in [part["id"] for part in asked.content if isinstance(part, dict) and "id" in part]
        (again,) = (await bring(store, path)).sessions
        assert sum(again.added.values()) == 0


def record(number: int, *content: Any, role: str = "assistant", **fields: Any) -> dict[str, Any]:
    stamp = f"2026-03-01T10:00:{number % 60:02}Z"
    words = list(content) if content and isinstance(content[0], dict) else "".join(content)
    told = {"type": role, "sessionId": "s-1", "uuid": f"u{number:07}", "parentUuid": None, "timestamp": stamp}
    return {**told, "message": {"role": role, "content": words}, **fields}


def task(call: str, prompt: str) -> dict[str, Any]:
    asked = {"prompt": prompt, "description": f"do {prompt}", "subagent_type": "worker"}
    return {"type": "tool_use", "id": call, "name": "Task", "input": asked}


def inside(number: int, words: Any, parent: int | None = None, **fields: Any) -> dict[str, Any]:
    above = None if parent is None else f"u{parent:07}"
    return record(number, words, role="user", isSidechain=True, parentUuid=above, **fields)


def write(folder: Path, records: Iterable[dict[str, Any]], name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(one)}\n" for one in records))
    return path


def interleaved() -> list[dict[str, Any]]:
    """Two at a time, one of which starts another; two that were asked the same; one that nobody asked."""
    return [
        record(1, "please", role="user"),
        record(2, task("c1", "one"), task("c2", "two")),
        inside(3, "one"),
        inside(4, "two"),
        inside(5, "1a", 3),
        inside(6, "2a", 4),
        {**inside(7, "", 5), "message": {"role": "assistant", "content": [task("c3", "deep")]}},
        inside(8, "deep"),
        inside(9, "2b", 6),
        inside(10, "deeper", 8),
        inside(11, "1b", 7),
        record(12, task("c4", "same"), task("c5", "same")),
        inside(13, "same"),
        inside(14, "same"),
        inside(15, "nobody asked"),
        inside(16, "first", 13),
        inside(17, "second", 14),
        record(18, "done"),
    ]


async def told(store: Store, session: str) -> dict[str, tuple[str | None, str | None, list[str]]]:
    """By name: the record that each sub-conversation is under, its call, and which records it has."""
    found: dict[str, tuple[str | None, str | None, list[str]]] = {}
    for sub in await store.branches(session, subs=True):
        assert sub.under is not None
        under = None
        if sub.under.message is not None:
            under = (await store.message(session, sub.under.message)).metadata["uuid"]
        found[sub.name] = (under, sub.under.call, uuids(await said(store, session, sub.name)))
    return found


def ids(*numbers: int) -> list[str]:
    return [f"u{number:07}" for number in numbers]


WANTED = {
    "sub-u0000003": ("u0000002", "c1", ids(3, 5, 7, 11)),
    "sub-u0000004": ("u0000002", "c2", ids(4, 6, 9)),
    "sub-u0000008": ("u0000007", "c3", ids(8, 10)),
    "sub-u0000013": ("u0000012", "c4", ids(13, 16)),
    "sub-u0000014": ("u0000012", "c5", ids(14, 17)),
    "sub-u0000015": (None, None, ids(15)),
}


async def test_they_may_be_interleaved_nested_and_asked_the_same(store: Store, tmp_path: Path) -> None:
    (done,) = (await bring(store, write(tmp_path, interleaved()))).sessions
    assert await told(store, done.session) == WANTED
    assert uuids(await said(store, done.session, "main")) == ids(1, 2, 12, 18)
    for name in ("main", *WANTED):
        for message in await said(store, done.session, name):
            page = await store.originals(done.session, limit=1, before=message["original"] + 1)
            assert json.loads(page.items[0])["uuid"] == message["metadata"]["uuid"]
    runs = {run["call"]: run["message"] for run in await store.tool_runs(done.session)}
    assert runs["c3"].startswith("msg_sub-u0000003_")


@pytest.mark.parametrize("cut", range(2, 18, 3))
async def test_a_longer_copy_goes_on_in_the_same_ones(store: Store, tmp_path: Path, cut: int) -> None:
    await bring(store, write(tmp_path, interleaved()[:cut]))
    (done,) = (await bring(store, write(tmp_path, interleaved()))).sessions
    assert await told(store, done.session) == WANTED
    assert uuids(await said(store, done.session, "main")) == ids(1, 2, 12, 18)


async def test_a_file_of_its_own_joins_the_session_that_started_it(store: Store, tmp_path: Path) -> None:
    main = [record(1, "please", role="user"), record(2, task("c1", "one"), task("c2", "one")), record(3, "done")]
    (done,) = (await bring(store, write(tmp_path, main))).sessions
    for agent in ("a1b2c3", "d4e5f6"):
        chain = [inside(10, "one", agentId=agent), inside(11, agent, 10, agentId=agent), inside(12, "c", agentId=agent)]
        (joined,) = (await bring(store, write(tmp_path, chain, f"agent-{agent}.jsonl"))).sessions
        assert (joined.session, joined.new) == (done.session, False)
    found = await told(store, done.session)
    assert {name: under for name, (under, _, _) in found.items()} == dict.fromkeys(
        ("sub-a1b2c3", "sub-d4e5f6"), "u0000002"
    )
    assert {call for _, call, _ in found.values()} == {"c1", "c2"}
    assert [len(records) for _, _, records in found.values()] == [3, 3]


async def test_what_was_deleted_stays_so(store: Store, tmp_path: Path) -> None:
    (done,) = (await bring(store, write(tmp_path, interleaved()[:5]))).sessions
    await store.delete_branch(done.session, "sub-u0000003")
    report = await bring(store, write(tmp_path, interleaved()[:12]))
    assert {fault.line for fault in report.faults} == {7, 11}
    assert all("sub-u0000003 was deleted" in fault.reason for fault in report.faults)
    assert set(await told(store, done.session)) == {"sub-u0000004", "sub-u0000008"}
    assert len((await store.originals(done.session)).items) == 12


async def test_what_cannot_be_started_is_part_of_the_main_one(tmp_path: Path) -> None:
    config = {"storage": {"use": "memory"}, "sessions": {"sweep_every": 0, "max_branches": 1}}
    async with holdall.open(config) as store:
        report = await bring(store, write(tmp_path, interleaved()[:6]))
        (done,) = report.sessions
        assert [fault.line for fault in report.faults] == [4]
        assert uuids(await said(store, done.session, "main")) == ids(1, 2, 4, 6)
        assert uuids(await said(store, done.session, "sub-u0000003")) == ids(3, 5)
