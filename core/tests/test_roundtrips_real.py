"""Every file of the shared data goes in, out in each format that can be read again, and in once more: the same comes out.

What a format cannot carry is told in ``docs/formats.md``.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.walks import loaded

import holdall
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport, SessionReport
from holdall.transfer.targets import StoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = sorted(path for part in ("agents", "chat-exports", "chats", "trees") for path in (DATA / part).rglob("*.*"))
OTHERS = {"aider", "intercode", "openhands", "irc_ubuntu_dev.tar.gz", "kdconv_film_dev.json.gz", "multilingual_tldr.jsonl.gz",
          "taskmaster4_07.json.gz", "ja_mt_bench_gpt-4.jsonl", "ja_mt_bench_question.jsonl", "mt_bench_gpt-4_answers.jsonl",
          "mt_bench_question.jsonl"}  # fmt: skip
"""Files and folders that are in no format that is known."""
KNOWN = [path for path in FILES if not OTHERS & {path.name, path.parent.name}]
LINES = ("claude-code", "codex", "pi", "openai")
PLACES = frozenset(("id", "session_id", "trajectory_id", "branch", "origin", "subagent_trajectory_ref"))
"""What ATIF says of where something was, which is elsewhere in a copy."""

pytestmark = [
    pytest.mark.covers("CV-07", "CV-16"),
    pytest.mark.thorough,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not FILES, reason="the conversations are not beside the checkout (shared/data)"),
]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


async def bring(store: Store, path: Path, choices: Choices) -> FileReport:
    return await import_file(StoreTarget(store), path, choices)


async def written(store: Store, session: str, form: str, **more: Any) -> bytes:
    return b"".join([piece async for piece in export(store, session, form, **more)])


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.name)
async def test_it_goes_in_and_out_and_in_again(store: Store, tmp_path: Path, path: Path) -> None:
    report = await bring(store, path, Choices("ana"))
    assert report.error is None
    await check_originals(store, path, report)
    for done in report.sessions:
        await check_lossless(store, tmp_path, done)
        await check_openai(store, tmp_path, done)
        await check_atif(store, tmp_path, done)
    print(f"{path.name}: {len(report.sessions)} sessions of {report.sessions[0].format}")


@pytest.mark.parametrize("path", sorted(set(FILES) - set(KNOWN)), ids=lambda path: path.name)
async def test_what_is_in_no_known_format_is_refused(store: Store, path: Path) -> None:
    report = await bring(store, path, Choices("ana"))
    assert report.sessions == []
    assert "its format cannot be told from its content" in (report.error or "")


async def check_originals(store: Store, path: Path, report: FileReport) -> None:
    """Lines come out byte for byte, documents value for value; of each kind as many as there are."""
    out = [await written(store, done.session, "original") for done in report.sessions]
    data = content(path)
    lines = [line for line in data.split(b"\n") if line.strip()]
    is_lines = report.sessions[0].format in LINES and ".jsonl" in path.name
    if is_lines:
        torn = {fault.line for fault in report.faults}
        assert b"".join(out).split(b"\n")[:-1] == [line for at, line in enumerate(lines, 1) if at not in torn]
    elif not report.faults:
        assert [value for text in out for value in values(text.decode())] == documents(path)
    if report.sessions[0].format in {"claude-code", "codex"}:
        (done,) = report.sessions
        assert done.kinds == Counter(kind(json.loads(line)) for line in b"".join(out).split(b"\n")[:-1])


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def documents(path: Path) -> list[Any]:
    """The conversations of a file, as values."""
    value = loaded(path)
    if isinstance(value, dict) and "history" in value and "folders" in value:
        value = value["history"]
    return value if isinstance(value, list) else [value]


def kind(record: Any) -> str:
    """What a record of Claude Code or Codex calls itself."""
    payload = record.get("payload", {})
    inner = payload.get("type")
    return {"response_item": inner, "event_msg": f"event_msg/{inner}"}.get(record["type"], record["type"])


def values(text: str) -> Iterator[Any]:
    """The JSON values that stand in a text one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        at += len(text[at:]) - len(text[at:].lstrip())


async def again(store: Store, folder: Path, done: SessionReport, form: str, **more: Any) -> tuple[bytes, bytes]:
    """A session in a format, and so again of the copy that was imported from that."""
    first = await written(store, done.session, form, **more)
    copy = folder / f"copy.{form}"
    copy.write_bytes(first)
    report = await bring(store, copy, Choices("eve", new=True))
    assert (report.error, report.faults, len(report.sessions)) == (None, [], 1), form
    second = await written(store, report.sessions[0].session, form, **more)
    await store.delete(report.sessions[0].session)
    return first, second


async def check_lossless(store: Store, folder: Path, done: SessionReport) -> None:
    """Holdall's own format carries every branch, message, tool run and original."""
    first, second = [[json.loads(line) for line in text.splitlines()[1:]] for text in
                     await again(store, folder, done, "jsonl", every=True)]  # fmt: skip
    for line in (*first, *second):
        line.get("branch", {}).pop("created_at", None)  # when it was begun there
    assert first == second


async def check_openai(store: Store, folder: Path, done: SessionReport) -> None:
    first, second = await again(store, folder, done, "openai")
    assert first == second
    if done.added["messages"]:
        assert first.count(b"\n") >= len((await store.history(done.session, limit=500)).items)


async def check_atif(store: Store, folder: Path, done: SessionReport) -> None:
    first, second = [without_places(json.loads(text)) for text in await again(store, folder, done, "atif", every=True)]
    for one in (first, second):
        one.get("subagent_trajectories", []).sort(key=json.dumps)
    assert first == second


def without_places(value: Any) -> Any:
    if isinstance(value, list):
        return [without_places(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: without_places(one) for name, one in value.items() if name not in PLACES}
