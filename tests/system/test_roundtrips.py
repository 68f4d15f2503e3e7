"""Every transcript beside the checkout that can be imported: out and in again, and to be read, with nothing lost."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.formats import Formats, export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data"
KINDS = (
    "agents/claude-code/**/*.jsonl*", "agents/codex/*", "agents/gemini-cli/*", "agents/swe-agent/*.json",
    "agents/tau-bench/*", "chat-exports/*", "chats/dpo*", "chats/glaive*", "chats/sharegpt*", "trees/*",
)  # fmt: skip
FILES = sorted(path for kind in KINDS for path in DATA.glob(kind))
MORE = ("bulk", "entire_series_B")
"""Folders of more of a kind that the other files are of: ``make release-check`` has them."""
FORMATS = Formats(installed=True)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
WORD, NUMBERED = re.compile(r"[^\W_]+"), re.compile(r"^[\s>*-]*\d+[.)](?=\s)", re.MULTILINE)

pytestmark = [
    pytest.mark.covers("CV-07", "CV-16"),
    pytest.mark.skipif(not FILES, reason="the transcripts are not beside the checkout (shared/data)"),
]


class Articles(HTMLParser):
    """The words of a page by the id of the message that says them; those of links and labels among them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: dict[str, set[str]] = {}
        self._name = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if tag in ("article", "span") and fields.get("id"):
            self._name = fields["id"] or ""
        for value in fields.values():
            self.handle_data(value or "")

    def handle_data(self, data: str) -> None:
        self.words.setdefault(self._name, set()).update(WORD.findall(data))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


async def text(store: Store, session: str, form: str) -> str:
    return b"".join([piece async for piece in export(store, session, form, "main", formats=FORMATS)]).decode()


async def every(store: Store, session: str, form: str) -> str:
    """The session with all of its branches."""
    return b"".join([piece async for piece in export(store, session, form, every=True)]).decode()


def branches(document: str) -> list[Any]:
    """All that is said in a session, by branch, and what tools did."""
    told = json.loads(document)
    said = {branch["name"]: branch["messages"] for branch in told["branches"]}
    return [said, told["tools"], told["originals"], told["versions"]]


async def again(store: Store, path: Path, told: str, form: str) -> str:
    """The session that an export becomes."""
    path.write_text(told)  # noqa: ASYNC240 - a small file
    report = await import_file(StoreTarget(store), path, Choices("eve", new=True, format=form))
    assert report.clean
    return report.sessions[0].session


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.thorough] if path.parent.name in MORE else []) for path in FILES],
    ids=lambda path: str(path.relative_to(DATA)),
)
async def test_out_and_in_again(store: Store, path: Path, tmp_path: Path) -> None:
    report = await import_file(StoreTarget(store), path, Choices("ana"))
    for session in [done.session for done in report.sessions][:5]:
        document = json.loads(await text(store, session, "json"))
        lines = await text(store, session, "jsonl")
        copy = json.loads(await text(store, await again(store, tmp_path / "a.jsonl", lines, "holdall"), "json"))
        assert parts(copy) == parts(document)
        whole = await every(store, session, "jsonl")
        copied = await again(store, tmp_path / "e.jsonl", whole, "holdall")
        assert branches(await every(store, copied, "json")) == branches(await every(store, session, "json"))
        said = await text(store, session, "openai")
        assert await text(store, await again(store, tmp_path / "o.jsonl", said, "openai"), "openai") == said
        trajectory = json.dumps(json.loads(await text(store, session, "atif")))
        there = json.loads(await text(store, await again(store, tmp_path / "t.jsonl", trajectory, "atif"), "atif"))
        assert bare(there["steps"]) == bare(json.loads(trajectory)["steps"])
        await read(store, session)


def parts(document: dict[str, Any]) -> list[Any]:
    """What an export of main tells; that a run is of a message of a sub-conversation is not part of it."""
    runs = [run if "_main_" in run.get("message", "") else {**run, "message": None} for run in document["tools"]]
    return [document["messages"], [{"message": None, **run} for run in runs], document["originals"]]


async def read(store: Store, session: str) -> None:
    """Each message's words are in what people read."""
    markdown = await text(store, session, "markdown")
    found = Articles(await text(store, session, "html")).words
    before: str | None = None
    while before != "":
        page = await store.history(session, limit=100, before=before or None, branch="main")
        for message in page:
            said = message.content if isinstance(message.content, str) else message.content[:]
            texts = [said] if isinstance(said, str) else [p["text"] for p in said if p["type"] in ("text", "thinking")]
            assert all(one.strip() in markdown for one in texts if "\n" not in one)
            # A browser numbers lists by itself, and a page has no colours of terminals.
            told = NUMBERED.sub("", COLOURS.sub("", "\n".join(texts)))
            assert set(WORD.findall(told)) <= found.get(message.id, set())
        before = page.previous or ""


def bare(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps without the ids of the messages that they are."""
    return [{**step, "extra": {**step.get("extra", {}), "holdall": None}} for step in steps]
