"""Real transcripts through a running server on every durable backend, in and out again."""

from __future__ import annotations

import gzip
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.conftest import DATA, Server, as_json, data_folder, holdall, serving, write_config

ROW = re.compile(r"^\| (agents/(?:claude-code|codex)/[^ |]+) \|.*?\| (\d+ lines[^|]*)\|", re.MULTILINE)

THOROUGH = [pytest.param(name, marks=pytest.mark.thorough) for name in ("diskcache", "tinydb")]


@dataclass(frozen=True)
class Transcript:
    path: Path
    messages: int
    tool_calls: int
    torn: int
    sidechain: int = 0
    """How many of the messages are of sub-conversations."""


def transcripts() -> list[Transcript]:
    """What the data's own table says of each Claude Code and Codex transcript."""
    table = DATA / "README.md"
    if not table.is_file():
        return []
    return [_row(DATA / name, counts) for name, counts in ROW.findall(table.read_text())]


def _row(path: Path, counts: str) -> Transcript:
    def number(pattern: str) -> int:
        found = re.search(pattern, counts)
        return int(found[1]) if found else 0

    if "/codex/" in str(path):
        kinds = ("'message'", "'reasoning'", "'function_call'", "'function_call_output'")
        return Transcript(path, sum(number(rf"{kind}: (\d+)") for kind in kinds), number(r"'function_call': (\d+)"), 0)
    messages = number(r"user (\d+)") + number(r"assistant (\d+)")
    calls, torn, aside = (number(text) for text in (r"tool calls (\d+)", r"\((\d+) torn\)", r"sidechain (\d+)"))
    return Transcript(path, messages, calls, torn, aside)


def records(path: Path) -> list[bytes]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [line for line in data.split(b"\n") if line.strip()]


def is_record(line: bytes) -> bool:
    try:
        return isinstance(as_json(line.decode()), dict)
    except ValueError:
        return False


class Appender(threading.Thread):
    """Another client that appends to a session until it is told to stop."""

    def __init__(self, server: Server, session: str) -> None:
        super().__init__()
        self.server = server
        self.session = session
        self.done = threading.Event()
        self.appended: list[str] = []

    def run(self) -> None:
        with self.server.client() as client:
            while not self.done.is_set() or not self.appended:
                message = {"role": "user", "content": f"meanwhile {len(self.appended)}"}
                answer = client.post(f"/api/sessions/{self.session}/messages", json=message)
                answer.raise_for_status()
                self.appended.append(answer.json()["id"])


def walk(client: httpx.Client, session: str, direction: str) -> list[str]:
    """Every message id of a session, page by page, ``before`` or ``after``."""
    path = f"/api/sessions/{session}/history"
    first: dict[str, Any] = {"limit": 100} if direction == "before" else {"limit": 100, "after": "msg_main_0000000000"}
    page = client.get(path, params=first).raise_for_status().json()
    ids = [item["id"] for item in page["items"]]
    while (cursor := page["previous" if direction == "before" else "next"]) is not None:
        page = client.get(path, params={"limit": 100, direction: cursor}).raise_for_status().json()
        found = [item["id"] for item in page["items"]]
        ids = found + ids if direction == "before" else ids + found
    return ids if direction == "before" else ["msg_main_0000000000", *ids]


@pytest.mark.covers("CV-16", "CV-07", "CV-11", "QA-03")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["file", *THOROUGH])
def test_every_transcript_goes_in_and_comes_out(tmp_path: Path, backend: str) -> None:
    """Counts equal the table, torn lines are named, pages are exact while another appends, exports equal inputs."""
    data_folder("agents")
    config, port = write_config(tmp_path, backend)
    expected = transcripts()
    assert len(expected) >= 30
    with serving(config, port) as server, server.client() as client:
        if backend == "tinydb":  # it writes the whole store for each step, so only one at a time is in it
            for transcript in expected:
                session = import_and_check(server, client, [transcript])[0]
                client.delete(f"/api/sessions/{session}").raise_for_status()
        else:
            import_and_check(server, client, expected)


def import_and_check(server: Server, client: httpx.Client, expected: list[Transcript]) -> list[str]:
    """Import transcripts with the command line; their sessions."""
    paths = [str(transcript.path) for transcript in expected]
    result = holdall("import", "--json", "--server", server.url, "--new", *paths, check=False)
    torn = any(transcript.torn for transcript in expected)
    assert result.returncode == (1 if torn else 0), result.stderr
    reports: list[Any] = [as_json(line) for line in result.stdout.splitlines()]
    return [check_transcript(server, client, *pair) for pair in zip(expected, reports, strict=True)]


def check_transcript(server: Server, client: httpx.Client, transcript: Transcript, report: Any) -> str:
    name = transcript.path.name
    lines = records(transcript.path)
    bad = [number for number, line in enumerate(lines, 1) if not is_record(line)]
    assert [fault["line"] for fault in report["faults"]] == bad, name
    assert len(bad) == transcript.torn
    session = report["sessions"][0]["session"]
    stored = client.get(f"/api/sessions/{session}").raise_for_status().json()
    counts = {"messages": transcript.messages, "tools": transcript.tool_calls, "originals": len(lines) - len(bad)}
    assert stored["counts"] == counts, name
    exported = client.post(f"/api/sessions/{session}/export", json={"format": "original"}).raise_for_status().content
    assert exported.split(b"\n")[:-1] == [line for line in lines if is_record(line)], name
    check_pages(server, client, session, transcript.messages - transcript.sidechain)
    return session


def check_pages(server: Server, client: httpx.Client, session: str, count: int) -> None:
    """Walk in both directions while another client appends: everything that was there, exactly once, in order."""
    appender = Appender(server, session)
    appender.start()
    try:
        for direction in ("before", "after"):
            ids = walk(client, session, direction)
            assert ids == [f"msg_main_{number:010d}" for number in range(len(ids))]
            assert len(ids) >= count
    finally:
        appender.done.set()
        appender.join()
    assert walk(client, session, "after")[count:] == appender.appended
