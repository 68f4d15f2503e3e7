"""``holdall backup``, ``restore`` and ``verify ARCHIVE``: what they print, what they leave, and their exit codes."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from holdall.cli import main
from holdall.contract import Commit, Lane
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.settings import read_settings
from holdall.transfer.archive.reading import Reading
from holdall.transfer.restoring import check
from holdall.unfinished import MARKER

pytestmark = pytest.mark.covers("ST-14")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder with two configurations and a transcript; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in ("from", "to"):
        Path(f"{name}.toml").write_text(
            f'[storage]\nuse = "file"\n[storage.options]\npath = "{name}"\n[server]\nanonymous = "ana"\n'
        )
    Path("t.jsonl").write_text('{"role": "user", "content": "hello"}\n{"role": "assistant", "content": "hi"}\n')

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    for _ in range(3):
        assert command("--config", "from.toml", "import", "--new", "t.jsonl")[0] == 0
    return command


def test_there_and_back(run: Run) -> None:
    code, out, err = run("--config", "from.toml", "backup", "a.jsonl")
    assert (code, err) == (0, "")
    assert out.startswith("a.jsonl: 3 partitions, 3 of them sessions; ")
    assert out.endswith("; 0 left out\n")
    code, out, _ = run("verify", "a.jsonl")
    assert code == 0
    assert out.startswith("3 partitions, 3 of them sessions; ")
    assert out.endswith(": whole\n")
    assert run("restore", "--verify-only", "a.jsonl") == (0, out, "")
    code, out, _ = run("--config", "to.toml", "restore", "a.jsonl", "--json")
    assert code == 0
    assert json.loads(out)["sessions"] == 3
    lists = [run("--config", f"{name}.toml", "list", "--json")[1] for name in ("from", "to")]
    assert lists[0] == lists[1]
    code, _, err = run("--config", "to.toml", "restore", "a.jsonl")
    assert (code, err) == (2, "holdall: the storage is not empty: a backup is restored into an empty one only\n")
    Path("memory.toml").write_text('[storage]\nuse = "memory"\n')
    code, _, err = run("--config", "memory.toml", "restore", "a.jsonl")
    assert (code, err) == (2, "holdall: nothing would be left: what is in 'memory' goes with this process\n")


def test_what_is_wrong_with_an_archive_is_said_in_a_line(run: Run) -> None:
    run("--config", "from.toml", "backup", "a.jsonl")
    data = bytearray(Path("a.jsonl").read_bytes())
    data[data.index(b"hello")] ^= 1
    Path("a.jsonl").write_bytes(data)
    line = f"a.jsonl line {data[: data.index(b'iello')].count(10) + 1} is damaged: session/"
    code, out, _ = run("verify", "a.jsonl")
    assert (code, out.startswith(line), out.count("\n")) == (1, True, 1)
    code, out, _ = run("verify", "a.jsonl", "--json")
    assert code == 1
    assert json.loads(out)["problems"][0].startswith(line)
    code, out, err = run("--config", "to.toml", "restore", "a.jsonl")
    assert (code, out, err.startswith(f"holdall: {line}")) == (3, "", True)
    assert not Path("to").exists()
    code, _, err = run("verify", "none.jsonl")
    assert (code, err) == (3, "holdall: none.jsonl: No such file or directory\n")


def test_a_destination_is_never_overwritten(run: Run) -> None:
    Path("a.jsonl").write_text("mine")
    assert run("--config", "from.toml", "backup", "a.jsonl")[::2] == (2, "holdall: a.jsonl is there already\n")
    assert Path("a.jsonl").read_text() == "mine"
    code, _, err = run("--config", "from.toml", "backup", "none/a.jsonl")
    assert (code, err) == (3, "holdall: none/a.jsonl: No such file or directory\n")


@pytest.mark.covers("OP-15")
def test_a_folder_keeps_the_newest_archives_and_no_remains(run: Run) -> None:
    folder = Path("archives")
    folder.mkdir()
    for name in ("notes.txt", "holdall-mine.jsonl", ".other.0.partial", "holdall-20200101T000000000Z.jsonl"):
        (folder / name).write_text("")
    left, used = (folder / f".holdall-20200101T00000000{n}Z.jsonl.ab.partial" for n in range(2))
    left.write_text("")
    with used.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        removed: list[str] = []
        for _ in range(3):
            code, out, _ = run("--config", "from.toml", "backup", folder, "--keep", "2", "--json")
            assert code == 0
            removed += json.loads(out)["removed"]
    names = {path.name for path in folder.iterdir()}
    assert {"notes.txt", "holdall-mine.jsonl", ".other.0.partial", used.name} < names
    assert left.name not in names
    kept = sorted(name for name in names if name.startswith("holdall-2"))
    assert len(kept) == 2
    assert kept[-1] == Path(json.loads(out)["archive"]).name
    assert len(removed) == 2
    assert run("--config", "from.toml", "backup", "b.jsonl", "--keep", "2")[0] == 2


def test_a_damaged_session_makes_the_exit_code_1_and_removes_no_older_archive(run: Run) -> None:
    folder = Path("archives")
    folder.mkdir()
    assert run("--config", "from.toml", "backup", folder, "--keep", "1")[0] == 0
    log = min(Path("from").glob("s/*/*.jsonl"))
    data = log.read_bytes()
    log.write_bytes(data.replace(b"hello", b"hallo"))
    code, out, err = run("--config", "from.toml", "backup", folder, "--keep", "1")
    assert code == 1
    assert "2 of them sessions" in out
    assert "holdall: left out: session/" in err
    assert len(list(folder.iterdir())) == 2
    newest = max(folder.iterdir())
    code, out, err = run("verify", newest)
    assert code == 1
    assert err.startswith("holdall: the archive was made without: session/")
    assert run("--config", "to.toml", "restore", newest)[0] == 1
    assert len(run("--config", "to.toml", "list", "--json")[1].splitlines()) == 2


def test_an_unfinished_restore_is_refused_by_every_other_command(run: Run) -> None:
    run("--config", "from.toml", "backup", "a.jsonl")

    async def begin() -> None:
        storage = await open_storage(read_settings("to.toml").storage, Plugins())
        archive = Reading(Path("a.jsonl"))
        check(archive)
        write = {("archive", 0): archive.sha256.encode()}
        await storage.commit(Commit(MARKER, 0, 5, 5, {"archive": Lane(0, 1)}, write=write))
        await storage.close()

    asyncio.run(begin())
    line = "holdall: a restore into this storage has not come to its end: run `holdall restore` again\n"
    for command in (
        ["list"],
        ["verify"],
        ["copy", "to.toml", "from.toml"],
        ["backup", "b.jsonl"],
        ["import", "t.jsonl"],
    ):
        code, _, err = run("--config", "to.toml", *command)
        assert (code, err) == (3, line), command
    assert run("--config", "to.toml", "restore", "a.jsonl")[0] == 0
    assert run("--config", "to.toml", "list")[0] == 0
