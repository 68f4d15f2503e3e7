"""One conversation on the command line: read, added to, edited, branched, redacted and deleted.

Covers CV-03, CV-04, CV-08, CV-09, CV-13, CV-14.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.cli import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def session(tmp_path: Path) -> str:
    """A session of eight messages, numbered, in a store of its own."""

    async def fill() -> str:
        async with holdall.open(tmp_path / "holdall.toml") as store:
            said: list[dict[str, Any]] = [
                {"role": ("user", "assistant")[n % 2], "content": f"number {n}"} for n in range(8)
            ]
            said[5]["content"] = [
                {"type": "text", "text": "I look\x1b[31m"},
                {"type": "tool_call", "id": "c", "name": "bash", "arguments": {"command": "ls"}},
            ]
            return (await store.create(owner="ana", messages=said)).id

    options = f'{{ path = "{tmp_path / "data"}" }}'
    (tmp_path / "holdall.toml").write_text(f'[storage]\nuse = "file"\noptions = {options}\n[sessions]\nmax_page = 3\n')
    return asyncio.run(fill())


@pytest.fixture
def run(session: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the session: its exit code, and what it printed."""

    def command(name: str, *arguments: object) -> tuple[int, str]:
        code = main(["--config", str(tmp_path / "holdall.toml"), name, session, *map(str, arguments)])
        return code, capsys.readouterr().out

    return command


def message(number: int, branch: str = "main") -> str:
    return f"msg_{branch}_{number:010}"


def told(run: Run, name: str, *arguments: object) -> list[dict[str, Any]]:
    code, out = run(name, *arguments, "--json")
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def ids(run: Run, name: str, *arguments: object) -> list[str]:
    return [each["id"] for each in told(run, name, *arguments)]


def test_the_latest_messages_are_shown_or_those_beside_one(run: Run) -> None:
    """However small the pages are that they are read in."""
    assert ids(run, "show", "--limit", 5) == [message(n) for n in range(3, 8)]
    assert ids(run, "show", "--before", message(5), "--limit", 4) == [message(n) for n in range(1, 5)]
    assert ids(run, "show", "--after", message(1), "--limit", 4) == [message(n) for n in range(2, 6)]
    assert ids(run, "show") == [message(n) for n in range(8)]


def test_some_messages_are_shown(run: Run) -> None:
    assert ids(run, "show", "--role", "user", "--since", message(3)) == [message(4), message(6)]
    assert ids(run, "show", "--tool", "bash") == [message(5)]
    assert ids(run, "show", "--until", "1999-01-01") == []


def test_a_message_is_shown_to_be_read_and_nothing_reaches_the_terminal(run: Run) -> None:
    code, out = run("show", "--tool", "bash")
    head, *body = out.splitlines()
    assert (code, head.split()[0], head.split()[-1]) == (0, message(5), "assistant")
    assert body[0] == "    I look [31m"
    assert "    **Tool call** `bash` `c`" in body


def test_a_bound_that_is_neither_a_time_nor_a_message_is_refused(run: Run) -> None:
    assert run("show", "--since", "tomorrow") == (2, "")


def test_appending(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is given, or what comes in; once with the same key."""
    assert ids(run, "append", "hello", "--key", "k") == [message(8)]
    assert ids(run, "append", "hello", "--key", "k") == [message(8)]
    monkeypatch.setattr("sys.stdin", io.StringIO("piped\n"))
    (stored,) = told(run, "append", "--role", "assistant", "--reply-to", message(8))
    assert (stored["role"], stored["content"], stored["reply_to"]) == ("assistant", "piped\n", message(8))


def test_threads(run: Run) -> None:
    run("append", "an answer", "--reply-to", message(2))
    (thread,) = told(run, "threads")
    assert (thread["root"]["id"], thread["replies"]) == (message(2), 1)
    assert ids(run, "threads", "--of", message(8)) == [message(2), message(8)]
    assert run("threads")[1].splitlines()[1].split()[:2] == [message(2), "1"]


def test_an_edit_keeps_the_version_before_and_brings_it_back(run: Run) -> None:
    assert told(run, "edit", message(2), "corrected")[0]["content"] == "corrected"
    assert [each["content"] for each in told(run, "versions", message(2))] == ["corrected", "number 2"]
    (restored,) = told(run, "edit", message(2), "--restore", 1)
    assert (restored["content"], restored["edited"]["version"]) == ("number 2", 3)
    assert "version 3 by system" in run("show", "--before", message(3), "--limit", 1)[1]


def test_a_branch_is_made_shown_compared_deleted_and_brought_back(run: Run) -> None:
    assert run("fork", "--before", message(6), "--name", "retry", "--switch") == (0, "retry\n")
    assert ids(run, "append", "another way") == [message(6, "retry")]
    (found,) = told(run, "compare", "retry", "main")
    assert found["ancestor"] == message(5)
    assert [found[side]["messages"] for side in ("left", "right")] == [1, 2]
    assert "only in retry: 1 message\n" in run("compare", "retry", "main")[1]
    assert run("switch", "main") == (0, "shows main\n")
    assert run("delete", "--branch", "retry") == (0, "deleted the branch retry\n")
    assert run("switch", "retry")[0] == 1
    assert run("delete", "--restore", "retry") == (0, "brought back the branch retry\n")
    assert run("switch", "retry") == (0, "shows retry\n")


def test_what_is_shown_ends_where_it_was_reverted_to_until_that_is_taken_back(run: Run) -> None:
    assert run("revert", message(3)) == (0, f"shows main, until {message(3)}\n")
    assert ids(run, "show") == [message(n) for n in range(4)]
    assert run("revert", "--undo") == (0, "shows main\n")
    assert len(ids(run, "show")) == 8


def test_a_redacted_message_says_so(run: Run) -> None:
    (left,) = told(run, "redact", message(5), "--part", 0, "--reason", "a name")
    assert (left["content"][0]["text"], left["content"][1]["name"]) == ("[redacted]", "bash")
    assert left["redacted"]["reason"] == "a name"


def test_the_context_fits_its_budget_or_says_that_it_does_not(run: Run) -> None:
    assert ids(run, "context") == [message(n) for n in range(8)]
    assert run("context", "--budget", 100_000)[0] == 0
    assert run("context", "--budget", 1)[0] == 1


def test_a_session_is_deleted_by_those_who_mean_it(run: Run) -> None:
    code, out = run("delete")
    assert (code, "add --yes" in out, len(ids(run, "show"))) == (1, True, 8)
    assert run("delete", "--yes")[0] == 0
    assert run("show")[0] == 1
