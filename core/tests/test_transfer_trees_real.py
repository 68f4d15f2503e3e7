"""Every real conversation that branches: each path of its tree is a branch, message by message, and nothing else is.

Compared with a walk of the source that shares no code with the readers (``support/walks.py``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.walks import Conversation, conversations, loaded

import holdall
from holdall.formats import export
from holdall.sessions.names import MAIN
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import StoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = {
    "chatgpt": "chat-exports/chatgpt-*.json",
    "librechat": "chat-exports/librechat-*.json",
    "chatbot-ui": "chat-exports/chatbotui-*.json",
    "gemini-cli": "agents/gemini-cli/*.json",
    "oasst": "trees/*.jsonl.gz",
    "sharegpt": "chats/*_demo*.json.gz",
}
FOUND = [(kind, path) for kind, pattern in FILES.items() for path in sorted(DATA.glob(pattern))]
FOUND += [("sharegpt", path) for path in DATA.glob("chats/sharegpt_*.json.gz")]

pytestmark = [
    pytest.mark.covers("CV-08", "CV-16"),
    pytest.mark.skipif(not FOUND, reason="the conversations are not beside the checkout (shared/data)"),
]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


async def bring(store: Store, path: Path) -> FileReport:
    report = await import_file(StoreTarget(store), path, Choices("ana"))
    assert (report.error, report.faults) == (None, [])
    return report


async def branches(store: Store, session: str) -> list[str]:
    names: list[str] = []
    cursor = None
    while True:
        page = await store.branches(session, cursor=cursor)
        names += [branch.name for branch in page.items]
        cursor = page.next
        if cursor is None:
            return names


async def path_of(store: Store, session: str, branch: str | None) -> tuple[tuple[str, str, str], ...]:
    """The messages of a branch: node, role and text."""
    found = await every(store, session, branch)
    return tuple((message["metadata"]["node"], message.role, said(message.content)) for message in found)


async def every(store: Store, session: str, branch: str | None) -> list[Any]:
    """The messages of a branch, a page at a time."""
    found: list[Any] = []
    before = None
    while True:
        page = await store.history(session, branch=branch, before=before, limit=100)
        found = [*page.items, *found]
        before = page.previous
        if before is None:
            return found


async def original(store: Store, session: str) -> str:
    """What the session was imported from."""
    return b"".join([piece async for piece in export(store, session, "original")]).decode()


def said(content: Any) -> str:
    """The words of a message, those of tools too."""
    if isinstance(content, str):
        return content
    words = [part.get("text") if part["type"] == "text" else asked(part) for part in content]
    return "\n".join(word for word in words if isinstance(word, str))


def asked(part: Any) -> Any:
    return part.get("content") if part["type"] == "tool_result" else part.get("arguments")


def named(path: tuple[tuple[str, str, str], ...], kind: str) -> tuple[tuple[str, str, str], ...]:
    """A path as it is compared: a call is compared by its arguments elsewhere, which are no text."""
    if kind != "sharegpt":
        return path
    return tuple((node, role, "" if text.lstrip()[:1] == "{" else text) for node, role, text in path)


async def compare(store: Store, kind: str, session: str, source: Conversation) -> None:
    names = await branches(store, session)
    found = {name: await path_of(store, session, name) for name in names}
    assert sorted(named(path, kind) for path in found.values()) == sorted(named(path, kind) for path in source.paths)
    if source.shown is not None:
        assert found[MAIN] == await path_of(store, session, None)
        assert named(found[MAIN], kind) == named(source.shown, kind)
    assert json.loads(await original(store, session)) == source.value


@pytest.mark.parametrize(("kind", "path"), FOUND or [("none", Path())], ids=lambda value: getattr(value, "name", value))
async def test_every_path_is_a_branch_and_no_other(store: Store, kind: str, path: Path) -> None:
    sources = conversations(kind, path)
    report = await bring(store, path)
    assert [session.format for session in report.sessions] == [kind] * len(sources)
    linear = [source for source in sources if kind == "sharegpt" and len(source.paths) == 1]
    for session, source in zip(report.sessions, sources, strict=True):
        if source not in linear:
            await compare(store, kind, session.session, source)
        else:
            await compare_linear(store, session.session, source)
    again = await bring(store, path)
    assert [session.session for session in again.sessions] == [session.session for session in report.sessions]
    assert [sum(session.added.values()) + session.branches for session in again.sessions] == [0] * len(sources)


async def compare_linear(store: Store, session: str, source: Conversation) -> None:
    (path,) = source.paths
    found = await every(store, session, None)
    assert [message.role for message in found] == [role for _, role, _ in path]
    words = [said(message.content) for message in found]
    assert [word for word, step in zip(words, path, strict=True) if step[2].lstrip()[:1] not in "{["] == [
        text for _, _, text in path if text.lstrip()[:1] not in "{["
    ]
    assert json.loads(await original(store, session)) == source.value


RUNS = [path for name in ("pi", "swe-agent", "tau-bench") for path in sorted(DATA.glob(f"agents/{name}/*"))]
ROLES = {"toolResult": "tool", "bashExecution": "user"}


def talks(path: Path) -> list[list[str]]:
    """Who speaks in each conversation of a file of an agent's runs."""
    value = loaded(path)
    if path.parent.name == "pi":
        told = [[line["message"] for line in value if line["type"] == "message"]]
    elif path.parent.name == "tau-bench":
        told = [line["traj"] for line in value]
    else:
        told = [value["history"] if isinstance(value, dict) else value]
    return [[ROLES.get(message["role"], message["role"]) for message in talk] for talk in told]


@pytest.mark.parametrize("path", RUNS or [Path("none")], ids=lambda path: path.name)
async def test_an_agents_run_is_a_row_of_messages(store: Store, path: Path) -> None:
    report = await import_file(StoreTarget(store), path, Choices("ana"))
    assert report.error is None
    assert all(": an original" in fault.reason for fault in report.faults), "only what is too large is not kept"
    found = []
    for session in report.sessions:
        messages = await every(store, session.session, None)
        found.append([message.role for message in messages])
    assert found == talks(path)
    written = "".join([await original(store, session.session) for session in report.sessions])
    value = loaded(path)
    if not report.faults:
        assert list(values(written)) == (value if isinstance(value, list) else [value])
    again = await import_file(StoreTarget(store), path, Choices("ana"))
    assert (again.faults, sum(sum(session.added.values()) for session in again.sessions)) == ([], 0)


def values(text: str) -> Iterator[Any]:
    """The JSON values that stand in a text one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield value
