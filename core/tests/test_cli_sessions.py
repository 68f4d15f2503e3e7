"""Sessions through the command line: imported, listed, exported, copied and verified."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.cli import main
from holdall.errors import PluginError
from holdall.plugins import Plugins

Run = Callable[..., tuple[int, str, str]]
LINES = [
    {"type": "user", "sessionId": "s", "uuid": "1", "message": {"role": "user", "content": "Hello there"}},
    {
        "type": "assistant",
        "sessionId": "s",
        "uuid": "2",
        "message": {"role": "assistant", "content": "Hello \x1b[31m!"},
    },
]


def _file_storage() -> bool:
    try:
        Plugins().storage("file")
    except PluginError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _file_storage(), reason="needs holdall-file")


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder with a configuration; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    config("holdall.toml", "data")

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return command


def config(name: str, data: str) -> None:
    storage = f'[storage]\nuse = "file"\n[storage.options]\npath = "{data}"\n'
    Path(name).write_text(f'{storage}[server]\nanonymous = "ana"\n')


def transcript(name: str = "t.jsonl", *more: str) -> str:
    Path(name).write_text("".join(f"{text}\n" for text in [*map(json.dumps, LINES), *more]))
    return name


def brought(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, _ = run("import", transcript(), "--json", *arguments)
    assert code == 0
    return json.loads(out)["sessions"][0]


@pytest.mark.covers("CV-07", "CV-16")
def test_an_unknown_format_is_answered_with_the_nearest(run: Run) -> None:
    code, out, err = run("export", "x" * 20, "--format", "markdwon")
    assert (code, out, "holdall: --format: must be one of jsonl, " in err) == (2, "", True)
    assert err.endswith("; did you mean 'markdown'?\n")
    code, out, err = run("import", transcript(), "--format", "claudecode", "--server", "http://127.0.0.1:9")
    assert (code, out, err.endswith("; did you mean 'claude-code'?\n")) == (2, "", True)


def test_plugins_lists_the_formats_and_describes_one(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("plugins", "--json")[1])}
    assert rows["codex"]["summary"] == "format (import): Codex rollouts"
    assert rows["markdown"]["package"] == "holdall"
    (told,) = json.loads(run("plugins", "markdown", "--json")[1])
    assert (told["kind"], told["reads"], told["writes"], told["suffix"]) == ("format", "no", "yes", ".md")


def test_a_format_of_a_single_file_is_used_by_its_name(run: Run) -> None:
    path = Path("chat.log")
    path.write_text("2026-03-01 10:00 ana: is it up?\n")
    example = Path(__file__).parents[2] / "docs/examples/chatlog.py"
    code, out, _ = run("import", path, "--plugin", example, "--json")
    assert (code, json.loads(out)["sessions"][0]["format"]) == (0, "chatlog")
    session = json.loads(out)["sessions"][0]["session"]
    assert run("export", session, "--plugin", example, "--format", "chatlog")[1] == path.read_text()


@pytest.mark.covers("CV-07", "CV-16")
def test_import_list_export(run: Run) -> None:
    code, out, err = run("import", transcript())
    assert (code, err) == (0, "")
    assert "(new), claude-code: 2 records, 0 already there; added 2 messages, 0 tool runs, 2 originals" in out
    listed = json.loads(run("list", "--json")[1])
    assert (listed["owner"], listed["title"], listed["counts"]["messages"]) == ("ana", "Hello there", 2)
    code, out, _ = run("list", "--owner", "ana")
    assert (code, listed["id"] in out) == (0, True)
    assert run("list", "--owner", "eve") == (0, "", "")
    assert run("export", listed["id"], "--format", "original")[1] == Path("t.jsonl").read_text()
    code, out, _ = run("export", listed["id"], "-o", "out.jsonl")
    assert (code, out) == (0, "")
    again = json.loads(run("import", "out.jsonl", "--owner", "eve", "--json")[1])["sessions"][0]
    assert (again["new"], again["added"]) == (True, {"messages": 2, "tools": 0, "originals": 2})


def test_bad_lines_are_named_and_the_exit_code_tells(run: Run) -> None:
    code, out, err = run("import", transcript("bad.jsonl", '{"a":1}{"b":2}', "[]"), "nowhere.jsonl", transcript())
    assert code == 1
    assert err.splitlines() == [
        "holdall: bad.jsonl:3: is two records glued together, the second from column 8",
        "holdall: bad.jsonl:4: is a JSON array, not an object",
        "holdall: nowhere.jsonl: No such file or directory",
    ]
    assert "t.jsonl: session" in out


def test_what_is_no_transcript_is_refused(run: Run) -> None:
    Path("x.jsonl").write_text('{"hello": 1}\n')
    code, _, err = run("import", "x.jsonl")
    assert (code, "name it with --format: holdall, claude-code, codex, openai, " in err) == (1, True)
    Path("empty.jsonl").write_text("")
    for how in ([], ["--format", "codex"]):
        assert run("import", "empty.jsonl", *how) == (1, "", "holdall: empty.jsonl: it is empty\n")
    assert run("import", "x.jsonl", "--format", "claude-code")[0] == 0


def test_flags_say_what_the_session_is(run: Run) -> None:
    first = brought(run, "--owner", "eve", "--project", "site", "--title", "Mine")
    second = brought(run, "--owner", "eve", "--new")
    assert second["session"] != first["session"]
    (listed,) = map(json.loads, run("list", "--json", "--project", "site", "--owner", "eve")[1].splitlines())
    assert (listed["id"], listed["title"]) == (first["session"], "Mine")
    assert len(run("list", "--json", "--limit", "1")[1].splitlines()) == 1


def test_standard_input_is_a_file_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.TextIOWrapper(io.BytesIO(Path(transcript()).read_bytes()))
    monkeypatch.setattr(sys, "stdin", data)
    code, out, _ = run("import", "-", "--json")
    assert (code, json.loads(out)["path"], json.loads(out)["sessions"][0]["records"]) == (0, "-", 2)


def test_an_export_that_fails_leaves_no_file(run: Run, tmp_path: Path) -> None:
    code, out, err = run("export", "0" * 20, "-o", "out.jsonl")
    assert (code, out) == (1, "")
    assert err.startswith("holdall: no such session")
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_an_export_that_cannot_be_written_names_what_was_asked_for(run: Run) -> None:
    session = brought(run)["session"]
    Path("folder").mkdir()
    assert run("export", session, "-o", "/nope/x") == (2, "", "holdall: /nope/x: No such file or directory\n")
    code, _, err = run("export", session, "-o", "folder")
    assert (code, err) == (2, "holdall: folder: Is a directory\n")
    assert not list(Path().glob("*.part"))


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_list_of_nothing_is_refused(run: Run, limit: str) -> None:
    code, out, err = run("list", f"--limit={limit}")
    assert (code, out, "--limit: must be a whole number from 1" in err) == (2, "", True)


def test_nothing_printed_can_steer_a_terminal(run: Run) -> None:
    session = brought(run, "--title", "red \x1b[31m alert")["session"]
    assert "\x1b" not in run("list")[1]
    assert session in run("list")[1]


@pytest.mark.covers("LC-10")
def test_copy_and_verify(run: Run) -> None:
    session = brought(run)["session"]
    config("to.toml", "elsewhere")
    code, out, err = run("copy", "holdall.toml", "to.toml")
    assert (code, err) == (0, "")
    assert out.startswith("copied 2 partitions (")
    assert json.loads(run("copy", "holdall.toml", "to.toml", "--json")[1])["present"] == 2
    assert run("export", session, "--config", "to.toml")[1] == run("export", session)[1]
    code, out, _ = run("verify", "--config", "to.toml")
    assert (code, out.endswith("; 0 problems\n")) == (0, True)
    assert json.loads(run("verify", "--json")[1])["sessions"] == 1
    code, _, err = run("copy", "holdall.toml", "holdall.toml")
    assert (code, "name the same storage" in err) == (2, True)


def test_a_copy_names_what_differs(run: Run) -> None:
    session = brought(run)["session"]
    config("to.toml", "elsewhere")
    assert run("copy", "holdall.toml", "to.toml")[0] == 0
    assert run("import", transcript("t.jsonl", json.dumps({**LINES[0], "uuid": "3"})))[0] == 0
    code, out, err = run("copy", "holdall.toml", "to.toml")
    assert (code, out.endswith("1 problem\n")) == (1, True)
    assert err == f"holdall: session/{session}: the target has it, but different: its version\n"


def test_damage_is_found_and_named(run: Run, tmp_path: Path) -> None:
    brought(run)
    logs = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and b"Hello there" in path.read_bytes()]
    assert logs
    for path in logs:
        path.write_bytes(path.read_bytes().replace(b"Hello there", b"Hello theer"))
    code, out, err = run("verify")
    assert (code, err) == (1, "")
    *problems, summary = out.splitlines()
    assert problems
    assert all("damaged" in problem for problem in problems)
    assert len(set(problems)) == len(problems)
    assert summary.endswith(f"; {len(problems)} problem{'s' if len(problems) > 1 else ''}")
    code, out, err = run("verify", "--json")
    assert (code, err) == (1, "")
    assert all("damaged" in problem for problem in json.loads(out)["problems"])


def test_a_storage_that_fails_is_exit_code_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(0o700)
    (tmp_path / "data" / "wal").write_text("a file where the storage keeps a folder")
    code, _, err = run("list")
    assert code == 3
    assert err.startswith("holdall: ")
    assert "Traceback" not in err


def test_long_work_says_a_line_now_and_then(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(run)
    assert run("verify")[2] == ""
    monkeypatch.setattr("holdall.cli.progress.EVERY", 0)
    code, out, err = run("verify")
    assert (code, out.endswith("; 0 problems\n")) == (0, True)
    assert err.splitlines()[-1].startswith("holdall: 2 of 2 partitions, at session/")


@pytest.mark.covers("CV-07", "CV-08")
def test_an_export_is_of_a_branch_or_of_what_is_shown(run: Run) -> None:
    async def branched() -> str:
        async with holdall.open("holdall.toml") as store:
            session = await store.create(owner="ana", messages=[{"role": "user", "content": word} for word in "abc"])
            await session.fork(at="msg_main_0000000000", name="x")
            await session.append({"role": "user", "content": "x"}, branch="x")
            edited = await session.edit("msg_main_0000000000", content="A")
            await session.revert("msg_main_0000000001")
            await session.start_sub("msg_main_0000000001", kind="reviewer", title="Look")
            assert edited["edited"]["version"] == 2
            return session.id

    def said(*asked: str) -> list[str]:
        lines = [json.loads(line) for line in run("export", session, *asked)[1].splitlines()]
        return [line["message"]["content"] for line in lines if line["type"] == "message"]

    session = asyncio.run(branched())
    assert (said(), said("--branch", "main"), said("--branch", "x")) == (["A", "b"], ["A", "b", "c"], ["A", "x"])
    assert run("export", session, "--branch", "nobody")[0] != 0
    whole = [json.loads(line) for line in run("export", session, "--branches", "all")[1].splitlines()]
    assert [line["type"] for line in whole if line["type"] != "message"] == ["session", "version", "branch", "branch"]
    assert run("export", session, "--branches", "all", "--branch", "main")[0] != 0
    assert run("export", session, "--branches", "all", "--format", "openai")[0] != 0
    shown = [line.split() for line in run("branches", session)[1].splitlines()]
    assert [row[0:2] for row in shown if "*" in row] == [["*", "main"]]
    assert [row[0] for row in shown if "msg_main_0000000000" in row] == ["x"]
    listed = [json.loads(line) for line in run("branches", session, "--json")[1].splitlines()]
    assert [(branch["name"], branch["messages"]) for branch in listed] == [("main", 3), ("x", 2)]
    assert run("branches", session, "--deleted")[:2] == (0, "")
    started = run("branches", session, "--under", "msg_main_0000000001")[1].split()
    assert started[-5:] == ["sub-2", "msg_main_0000000001", "reviewer", "0", "Look"]
    (inner,) = [json.loads(line) for line in run("branches", session, "--subs", "--json")[1].splitlines()]
    assert inner["under"] == {"branch": "main", "message": "msg_main_0000000001", "kind": "reviewer", "call": None}
    assert run("export", session, "--branch", "x", "-o", "x.jsonl")[0] == 0
    assert run("import", "x.jsonl", "--new", "--owner", "ben")[0] == 0
    (made,) = [json.loads(line) for line in run("list", "--owner", "ben", "--json")[1].splitlines()]
    lines = [json.loads(line) for line in run("export", made["id"])[1].splitlines()]
    assert [line["message"].get("edited") for line in lines if line["type"] == "message"] == [None, None]
    assert run("verify")[0] == 0


@pytest.mark.covers("CV-05")
def test_totals_are_shown_by_branch_and_of_the_whole(run):
    async def made():
        async with holdall.open("holdall.toml") as store:
            session = await store.create(owner="ana", messages=[{"role": "user", "content": "x"}])
            usage = {"input_tokens": 10, "output_tokens": 3}
            said = await session.append({"role": "assistant", "content": "y", "usage": usage, "cost_usd": 0.5})
            await session.fork(before=said.id, name="retry")
            return session.id

    name = asyncio.run(made())
    code, out, _ = run("totals", name)
    lines = [line.split() for line in out.splitlines()]
    assert (code, lines[0][:3]) == (0, ["BRANCH", "MESSAGES", "INPUT"])
    assert [line[:3] for line in lines[-3:]] == [["main", "2", "10"], ["retry", "1", "0"], ["(session)", "2", "10"]]
    code, out, _ = run("totals", name, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(each["branch"], each["messages"], each["cost_usd"]) for each in found] == [
        ("main", 2, 0.5),
        ("retry", 1, 0.0),
        (None, 2, 0.5),
    ]


@pytest.mark.covers("LC-15")
def test_following_prints_a_line_for_each_change(run: Run) -> None:
    async def made() -> str:
        async with holdall.open("holdall.toml") as store:
            session = await store.create(owner="ana", messages=[{"role": "user", "content": "one"}])
            await session.end()
            return session.id

    session = asyncio.run(made())
    code, out, err = run("follow", session, "--after", "0")
    assert (code, err) == (0, "")
    first, last = map(json.loads, out.splitlines())
    assert (first["id"], first["type"], first["message"]["content"]) == ("0-1", "appended", "one")
    assert (last["id"], last["type"]) == ("1-1", "ended")
    code, out, err = run("follow", session, "--after", "x")
    assert (code, out) == (1, "")
    assert "is not an id of an event" in err


@pytest.mark.covers("CV-09", "XX-04")
def test_a_purge_is_meant_and_says_what_is_left(run, tmp_path):
    async def made():
        async with holdall.open("holdall.toml") as store:
            return (await store.create(owner="ana", messages=[{"role": "user", "content": "a secret"}])).id

    def having():
        return [path.name for path in tmp_path.rglob("*") if path.is_file() and b"a secret" in path.read_bytes()]

    name = asyncio.run(made())
    code, out, _ = run("purge", name, "--message", "msg_main_0000000000")
    assert (code, len(having())) == (1, 1)
    assert "--yes" in out
    code, out, _ = run("purge", name, "--message", "msg_main_0000000000", "--yes")
    assert (code, having()) == (0, [])
    assert out.startswith("1 message erased; nothing of before is in: the storage")
    code, out, _ = run("purge", name, "--yes", "--json")
    assert (code, json.loads(out)["verified"], json.loads(out)["messages"]) == (0, True, 1)


@pytest.mark.covers("CV-10", "CV-13")
def test_a_session_is_compacted_and_summarised(run: Run) -> None:
    async def made() -> str:
        async with holdall.open("holdall.toml") as store:
            session = await store.create(owner="ana")
            await session.append([{"role": "user", "content": f"The cache has page {n}."} for n in range(40)])
            return session.id

    name = asyncio.run(made())
    code, out, _ = run("compact", name, "--budget", "100")
    assert (code, "compacted by compaction_0000000000" in out) == (0, True)
    code, out, _ = run("compact", name, "--budget", "100")
    assert (code, out.startswith("nothing to do")) == (0, True)
    code, out, _ = run("compact", name, "--budget", "3", "--use", "window", "--json")
    assert (code, json.loads(out)["met"]) == (1, False)
    code, out, _ = run("summarise", name, "--tokens", "40", "--last", "msg_main_0000000009")
    assert (code, out.splitlines()[0]) == (0, "summary_0000000000: msg_main_0000000000 to msg_main_0000000009")
    assert "cache" in out
    code, out, _ = run("summarise", name, "--list", "--json")
    assert [json.loads(line)["messages"] for line in out.splitlines()] == [10]
    code, out, _ = run("compact", name, "--budget", "2", "--above", "5000")
    assert (code, "nothing to do" in out) == (0, True)
    assert run("compact", name, "--budget", "0")[0] == 2
