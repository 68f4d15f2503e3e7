"""An import through a running server does what one into an open store does, limits and retries included."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdall.cli import main
from holdall.errors import (
    Conflict,
    Ended,
    Forbidden,
    Invalid,
    NotFound,
    SettingsError,
    StorageError,
    StorageUnavailable,
)
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.problems import raised
from holdall.transfer.remote import RemoteTarget, connected
from holdall.transfer.report import FileReport

pytestmark = pytest.mark.covers("CV-16")

httpx = pytest.importorskip("httpx")
served = pytest.mark.skipif(importlib.util.find_spec("holdall_server") is None, reason="needs holdall-server")

CONFIG = """
[storage]
use = "memory"
[server]
port = 0
max_body_bytes = 100000
[[server.tokens]]
owner = "ana"
env = "HOLDALL_TEST_TOKEN"
[sessions]
max_message_bytes = 20000
"""
TOKEN = "t" * 43


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A running server with small limits; its URL."""
    monkeypatch.setenv("HOLDALL_TEST_TOKEN", TOKEN)
    (tmp_path / "server.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "holdall.cli", "serve", "--config", str(tmp_path / "server.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        try:
            assert found is not None
            yield found[0]
        finally:
            process.terminate()
            process.wait()


def lines(count: int, size: int = 500) -> list[str]:
    texts: list[str] = []
    for number in range(count):
        part: dict[str, Any] = {"type": "text", "text": "x" * size}
        if number % 3 == 1:
            part = {"type": "tool_use", "id": f"c{number}", "name": "Bash", "input": {}}
        if number % 3 == 2:
            part = {"type": "tool_result", "tool_use_id": f"c{number - 1}", "content": "ok"}
        role = "assistant" if number % 3 == 1 else "user"
        message = {"role": role, "content": [part]}
        texts.append(json.dumps({"type": role, "sessionId": "s", "uuid": str(number), "message": message}))
    return texts


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


async def bring(url: str, path: Path, choices: Choices = Choices(adopt=False)) -> FileReport:  # noqa: B008
    async with connected(url, TOKEN) as target:
        return await import_file(target, path, choices)


async def get(url: str, path: str) -> Any:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        return (await client.get(f"{url}{path}")).json()


@served
async def test_a_sub_conversation_is_started_and_gone_on_with(server: str, tmp_path: Path) -> None:
    ask = {"type": "tool_use", "id": "c1", "name": "Task", "input": {"prompt": "go", "description": "Go"}}
    told: list[tuple[str, Any, dict[str, Any]]] = [
        ("assistant", [ask], {"uuid": "a"}),
        ("user", "go", {"uuid": "b", "agentId": "a1b2", "isSidechain": True}),
        ("user", "gone", {"uuid": "c", "agentId": "a1b2", "isSidechain": True}),
        ("user", "thanks", {"uuid": "d"}),
        ("user", "more", {"uuid": "e", "agentId": "a1b2", "isSidechain": True}),
    ]
    texts = [
        json.dumps({"type": role, "sessionId": "s", "message": {"role": role, "content": words}, **fields})
        for role, words, fields in told
    ]
    (done,) = (await bring(server, write(tmp_path / "t.jsonl", texts[:2]))).sessions
    (again,) = (await bring(server, write(tmp_path / "t.jsonl", texts))).sessions
    assert (again.session, again.new, again.present) == (done.session, False, 2)
    url = f"/api/sessions/{done.session}"
    (sub,) = (await get(server, f"{url}/branches?under=msg_main_0000000000"))["items"]
    assert (sub["name"], sub["title"], sub["under"]["call"], sub["messages"]) == ("sub-a1b2", "Go", "c1", 3)
    inner = (await get(server, f"{url}/history?branch=sub-a1b2"))["items"]
    assert [(one["content"], one["original"]) for one in inner] == [("go", 1), ("gone", 2), ("more", 4)]
    assert [one["original"] for one in (await get(server, f"{url}/history"))["items"]] == [0, 3]


@served
async def test_a_conversation_that_branches_grows_on_a_server(server: str, tmp_path: Path) -> None:
    def tree(*parents: str) -> str:
        """A node after each of `parents`, which are earlier nodes or nothing."""
        names = [f"n{at}" for at in range(len(parents))]
        mapping = {
            name: {"id": name, "parent": parent or None, "children": [], "message": {
                "author": {"role": "user"}, "content": {"content_type": "text", "parts": [f"said {name}"]}}}
            for name, parent in zip(names, parents, strict=True)
        }  # fmt: skip
        return json.dumps([{"id": "t-1", "mapping": mapping, "current_node": names[-1]}])

    async def paths(session: str) -> list[list[str]]:
        url = f"/api/sessions/{session}"
        names = [one["name"] for one in (await get(server, f"{url}/branches"))["items"]]
        pages = [await get(server, f"{url}/history?branch={name}") for name in names]
        return sorted([message["content"].removeprefix("said ") for message in page["items"]] for page in pages)

    path = tmp_path / "conversations.json"
    (first,) = (await bring(server, write(path, [tree("", "n0", "n0", "n2")]))).sessions
    assert await paths(first.session) == [["n0", "n1"], ["n0", "n2", "n3"]]
    (again,) = (await bring(server, write(path, [tree("", "n0", "n0", "n2", "n1", "n0", "")]))).sessions
    assert (again.session, again.added["messages"], again.branches) == (first.session, 3, 2)
    assert await paths(first.session) == [["n0", "n1", "n4"], ["n0", "n2", "n3"], ["n0", "n5"], ["n6"]]
    shown = await get(server, f"/api/sessions/{first.session}/history")
    assert [message["content"] for message in shown["items"]] == ["said n6"]
    (last,) = (await bring(server, path)).sessions
    assert (sum(last.added.values()), last.branches) == (0, 0)


@served
async def test_a_transcript_arrives_whole_through_small_requests(server: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", lines(600))
    report = await bring(server, path)
    assert report.clean
    (done,) = report.sessions
    assert (done.new, done.added) == (True, {"messages": 600, "tools": 200, "originals": 600})
    session = await get(server, f"/api/sessions/{done.session}")
    assert (session["owner"], session["key"]) == ("ana", "claude-code:s")
    last = (await get(server, f"/api/sessions/{done.session}/tools?limit=1"))["items"][0]
    assert (last["call"], last["status"], last["message"]) == ("c598", "succeeded", "msg_main_0000000598")
    again = await bring(server, path)
    assert sum(again.sessions[0].added.values()) == 0
    longer = await bring(server, write(path, lines(700)))
    assert longer.sessions[0].added == {"messages": 100, "tools": 33, "originals": 100}
    page = await get(server, f"/api/sessions/{done.session}/history?limit=1")
    assert page["items"][0]["original"] == 699


@served
async def test_a_result_that_comes_later_and_a_line_over_the_limit(server: str, tmp_path: Path) -> None:
    texts = lines(6)
    texts[3] = lines(4, 30_000)[3]
    deep = '{"a":' * 70 + "1" + "}" * 70
    texts.append(json.dumps({"type": "user", "sessionId": "s", "uuid": "deep", "message": {"role": "user", "content": [
        {"type": "text", "text": "deep", "inner": json.loads(deep)}]}}))  # fmt: skip
    first = await bring(server, write(tmp_path / "t.jsonl", texts[:5]))
    assert {fault.line for fault in first.faults} == {4}
    report = await bring(server, write(tmp_path / "t.jsonl", texts))
    (done,) = report.sessions
    assert (done.finished, {fault.line for fault in report.faults}) == (1, {7})
    runs = (await get(server, f"/api/sessions/{done.session}/tools"))["items"]
    assert [run["status"] for run in runs] == ["succeeded", "succeeded"]
    kept = (await get(server, f"/api/sessions/{done.session}/originals"))["items"]
    assert [n for n in range(7) if kept[n] != texts[n]] == [3, 6]
    again = await bring(server, tmp_path / "t.jsonl")
    assert (again.clean, again.sessions[0].present) == (True, 7)


@served
async def test_an_export_of_every_branch_becomes_the_session_again(server: str, tmp_path: Path) -> None:
    first = {"messages": 0, "tools": 0, "originals": 0}
    session = {"id": "whole", "status": "active", "branch": "b", "reverted_to": "msg_main_0000000000"}
    say = lambda name, text: {"id": name, "role": "user", "content": text, "created_at": 5}  # noqa: E731
    told: list[Any] = [
        {"type": "session", "format": "holdall", "version": 2, "first": first, "session": session},
        {"type": "version", "version": say("msg_main_0000000000", "one")},
        {"type": "message", "message": {**say("msg_main_0000000000", "ONE"), "edited": {"version": 2, "earlier": [0]}}},
        {"type": "message", "message": say("msg_main_0000000001", "two")},
    ]
    for name, title in (("b", "B"), ("c", None)):
        origin = {"branch": name, "path": [["main", 1]], "created_at": 5, "created_by": "x", "title": title}
        told.append({"type": "branch", "branch": origin, **({"deleted": {"at": 5, "by": "x"}} if name == "c" else {})})
        told.append({"type": "message", "message": say(f"msg_{name}_0000000001", name)})
    told.append({"type": "tool", "tool": {"tool": "ls", "message": "msg_b_0000000001", "status": "succeeded"}})
    path = write(tmp_path / "w.jsonl", [json.dumps(line) for line in told])
    (done,) = (await bring(server, path)).sessions
    url = f"/api/sessions/{done.session}"
    assert [one["content"] for one in (await get(server, f"{url}/history"))["items"]] == ["ONE"]
    whole = (await get(server, f"{url}/history?branch=b"))["items"]
    assert [one["content"] for one in whole] == ["ONE", "b"]
    branches = [(await get(server, f"{url}/branches{more}"))["items"] for more in ("", "?deleted=true")]
    assert [[(one["name"], one["title"]) for one in some] for some in branches] == [
        [("main", None), ("b", "B")],
        [("c", None)],
    ]
    versions = (await get(server, f"{url}/messages/msg_main_0000000000/versions"))["items"]
    assert [one["content"] for one in versions] == ["ONE", "one"]
    assert (await get(server, f"{url}/tools"))["items"][0]["message"] == "msg_b_0000000001"
    (again,) = (await bring(server, path)).sessions
    assert (sum(again.added.values()), again.branches) == (0, 0)


@served
async def test_an_export_comes_back_and_ends(server: str, tmp_path: Path) -> None:
    header = {"type": "session", "format": "holdall", "version": 1, "first": {},
              "session": {"id": "x", "owner": "somebody", "status": "ended", "ended": {"reason": "done"}}}  # fmt: skip
    message = {"type": "message", "message": {"role": "user", "content": "x", "created_at": 5}}
    report = await bring(server, write(tmp_path / "e.jsonl", [json.dumps(header), json.dumps(message)]))
    assert report.clean
    session = await get(server, f"/api/sessions/{report.sessions[0].session}")
    assert (session["owner"], session["status"], session["ended"]["reason"]) == ("ana", "ended", "done")


@served
def test_the_command_line_speaks_to_a_server(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(write(tmp_path / "t.jsonl", lines(3)))
    assert main(["import", "--server", server, "--token-env", "HOLDALL_TEST_TOKEN", path]) == 0
    assert "3 records, 0 already there" in capsys.readouterr().out
    assert main(["import", "--server", server, path]) == 2
    assert "the server does not accept the token" in capsys.readouterr().err
    assert main(["import", "--server", server, "--token-env", "NO_SUCH", path]) == 2
    assert "the environment variable NO_SUCH is not set" in capsys.readouterr().err
    assert main(["import", "--server", server, "--owner", "eve", "--token-env", "HOLDALL_TEST_TOKEN", path]) == 1
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert main(["import", "--server", server, path]) == 2
    assert "pip install 'holdall[remote]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "problem", "kind", "text"),
    [
        (401, {"detail": "no"}, SettingsError, "does not accept the token: no"),
        (403, {"detail": "no"}, Forbidden, "refuses: no"),
        (404, {"detail": "no"}, NotFound, "no such session: abc"),
        (409, {"code": "ended"}, Ended, "abc has ended"),
        (412, {}, Conflict, "abc"),
        (422, {"detail": "bad", "pointer": "/messages/3"}, Invalid, "/messages/3: bad"),
        (413, {"detail": "much", "code": "too-large"}, Invalid, "much"),
        (507, {"detail": "full"}, StorageError, "status 507: full"),
    ],
)
def test_problems_become_the_errors_that_they_are_here(status: int, problem: Any, kind: type, text: str) -> None:
    error = raised(status, json.dumps(problem).encode(), "/api/sessions/abc/messages")
    assert type(error) is kind
    assert text in str(error)
    assert raised(status, b"<html>", "/api/sessions/abc")


def target_of(answer: Callable[[Any], Any]) -> RemoteTarget:
    client = httpx.AsyncClient(base_url="http://server.example", transport=httpx.MockTransport(answer))
    return RemoteTarget(client, httpx.TransportError)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what they would have waited."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waits


async def test_what_fails_in_between_is_sent_again_with_the_same_key(quickly: list[float], tmp_path: Path) -> None:
    asked: list[Any] = []
    session = {"id": "a" * 20, "version": 5, "status": "active", "counts": {"messages": 0, "tools": 0, "originals": 0}}

    def answer(request: Any) -> Any:
        asked.append(request)
        if len(asked) % 3 == 1:
            raise httpx.ConnectError("down")
        if len(asked) % 3 == 2:
            return httpx.Response(503)
        return httpx.Response(201, json=session if request.url.path == "/api/sessions" else {"version": 6})

    report = await import_file(target_of(answer), write(tmp_path / "t.jsonl", lines(3)), Choices(adopt=False))
    assert report.clean
    assert len(asked) == 6
    assert len({request.headers["Idempotency-Key"] for request in asked[3:]}) == 1
    assert {request.headers["If-Match"] for request in asked[3:]} == {'"5"'}
    assert len(quickly) == 4


async def test_what_answers_but_is_no_holdall_is_told(tmp_path: Path) -> None:
    target = target_of(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(SettingsError, match="it is no Holdall API"):
        await import_file(target, write(tmp_path / "t.jsonl", lines(3)), Choices())


async def test_a_server_that_stays_away_is_given_up(quickly: list[float], tmp_path: Path) -> None:
    def answer(_: Any) -> Any:
        raise httpx.ConnectError("down")

    with pytest.raises(StorageUnavailable, match="cannot be reached: down"):
        await import_file(target_of(answer), write(tmp_path / "t.jsonl", lines(3)), Choices())
    assert 0 < sum(quickly) < 30
