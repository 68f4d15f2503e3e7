"""Every real transcript that lies beside the checkout: the counts are those of its table, and nothing is lost."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import StoreTarget

DATA = Path(__file__).parents[3] / "shared" / "data"
TABLE = DATA / "README.md"
ROW = re.compile(r"^\| (agents/(?:claude-code|codex)/\S+) \|.*$", re.MULTILINE)
ROWS = {match[1]: match[0] for match in ROW.finditer(TABLE.read_text())} if TABLE.is_file() else {}

pytestmark = [
    pytest.mark.covers("CV-07", "CV-16"),
    pytest.mark.skipif(not ROWS, reason="the transcripts are not beside the checkout (shared/data)"),
]
CHOICES = Choices("ana")


@pytest.fixture
async def store() -> Any:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


def records(name: str) -> list[bytes]:
    """The lines that hold one JSON object."""
    path = DATA / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [line for line in data.split(b"\n") if line.strip() and _is_record(line)]


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def bring(store: Store, name: str) -> FileReport:
    return await import_file(StoreTarget(store), DATA / name, CHOICES)


async def originals(store: Store, session: str) -> list[bytes]:
    return b"".join([piece async for piece in export(store, session, "original")]).splitlines(keepends=False)


@pytest.mark.parametrize("name", ROWS or ["none"])
async def test_the_counts_are_those_of_the_table_and_every_record_comes_back(store: Store, name: str) -> None:
    report = await bring(store, name)
    (done,) = report.sessions
    row = ROWS[name]
    if done.format == "claude-code":
        user, assistant, calls = map(int, re.findall(r"(?:user|assistant|tool calls) (\d+)", row)[:3])
        assert (done.kinds["user"], done.kinds["assistant"], done.calls) == (user, assistant, calls)
        messages = user + assistant
    else:
        told = {kind: int(count) for kind, count in re.findall(r"'(\w+)': (\d+)", row)}
        assert {kind: done.kinds[kind] for kind in told} == told
        assert done.calls == told["function_call"]
        messages = sum(told.values())
    torn = int((re.search(r"\((\d+) torn\)", row) or [0, 0])[1])
    assert len(report.faults) == torn
    assert report.error is None
    session = await store.get(done.session)
    assert (session.counts.messages, session.counts.tools) == (messages, done.calls)
    assert await originals(store, done.session) == records(name)
    again = await bring(store, name)
    assert sum(again.sessions[0].added.values()) == 0


async def test_a_series_of_growing_copies_adds_only_the_new(store: Store) -> None:
    names = sorted(name for name in ROWS if "entire_series_A" in name)
    had = 0
    for name in names:
        (done,) = (await bring(store, name)).sessions
        # The torn line is the first file's last record, glued to one that is lost: the copies lack a record we have.
        assert done.present == max(had - (name != names[0]), 0)
        had += done.added["originals"]
    kept = await originals(store, done.session)
    assert len(kept) == len(set(kept)) == had
    assert set(kept) == {record for name in names for record in records(name)}
    assert (await store.tool_runs(done.session, status="running")).items == []


async def test_disjoint_slices_are_stitched(store: Store) -> None:
    names = sorted(name for name in ROWS if "entire_series_B" in name)
    sessions = {(await bring(store, name)).sessions[0].session for name in names}
    (session,) = sessions
    assert await originals(store, session) == [record for name in names for record in records(name)]


async def test_every_form_of_a_real_session_can_be_written(store: Store, tmp_path: Path) -> None:
    (done,) = (await bring(store, next(iter(ROWS)))).sessions
    written = {}
    for form in ("jsonl", "json", "markdown"):
        written[form] = b"".join([piece async for piece in export(store, done.session, form, every=True)])
    document = json.loads(written["json"])
    path = tmp_path / "again.jsonl"
    path.write_bytes(written["jsonl"])
    copy = await import_file(StoreTarget(store), path, Choices("eve", new=True))
    pieces = export(store, copy.sessions[0].session, "json", every=True)
    again = json.loads(b"".join([piece async for piece in pieces]))
    for part in ("tools", "originals"):
        assert again[part] == document[part]
    said = [{branch["name"]: branch["messages"] for branch in one["branches"]} for one in (again, document)]
    assert said[0] == said[1]
    assert len(said[0]) > 1
    assert written["markdown"].count(b"\n## ") >= sum(map(len, said[0].values()))
