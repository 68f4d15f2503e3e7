"""Every real conversation that branches: each path of its tree is a branch, message by message, and nothing else is.

Compared with a walk of the source that shares no code with the readers (``support/walks.py``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.walks import Conversation, conversations

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
    found: list[Any] = []
    before = None
    while True:
        page = await store.history(session, branch=branch, before=before, limit=100)
        found = [*page.items, *found]
        before = page.previous
        if before is None:
            break
    return tuple((message["metadata"]["node"], message.role, said(message.content)) for message in found)


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
    written = b"".join([piece async for piece in export(store, session, "original")]).decode()
    assert json.loads(written) == source.value


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
    page = await store.history(session, limit=100)
    assert [message.role for message in page.items] == [role for _, role, _ in path]
    written = b"".join([piece async for piece in export(store, session, "original")]).decode()
    assert json.loads(written) == source.value
