"""The command line: strict, quick to start, one line for each error, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.commands import HOLDALL, MEMORY, Run, command_in, write

import holdall


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; its exit code, output and errors."""
    return command_in(tmp_path, capsys, monkeypatch)


def imported(code: str) -> set[str]:
    """The modules that running ``code`` leaves loaded."""
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_version_imports_almost_nothing() -> None:
    base = imported("pass")
    modules = imported("from holdall.cli import main; main(['--version'])") - base
    assert {name for name in modules if name.startswith("holdall")} == {"holdall", "holdall.cli"}
    assert not modules & {"argparse", "asyncio", "pydantic", "pluggy", "msgspec"}


def test_the_list_of_plugins_imports_none_of_them() -> None:
    modules = imported("from holdall.cli import main; main(['plugins'])")
    assert not {name for name in modules if name.startswith("holdall_")}
    assert "rich" not in modules


def test_version_and_help(run: Run) -> None:
    assert run("--version") == (0, f"holdall {holdall.__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0
    for name in ("serve", "plugins", "check", "import", "export", "copy", "verify", "plugin", "list"):
        assert f"  {name} " in out
        code, told, _ = run(name, "--help")
        assert (code, told.startswith(f"usage: holdall {name}")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "which command? One of: serve, check"),
        (["serv"], "unknown command 'serv'; did you mean 'serve'?"),
        (["xyzzy"], "unknown command 'xyzzy' (see"),
        (["serve", "--hots", "x"], "unknown argument '--hots'; did you mean '--host'?"),
        (["serve", "--por=1"], "unknown argument '--por=1'; did you mean '--port'?"),
        (["serve", "--port", "many"], "holdall: --port: invalid int value: 'many'"),
        (["--conifg", "x", "serve"], "unknown argument '--conifg'; did you mean '--config'?"),
        (["export"], "the following arguments are required: ID"),
        (["plugin", "test", "memory", "-x"], "unknown argument '-x'; put pytest's arguments after --"),
        (["plugin", "tset", "memory"], "must be one of new, test; did you mean 'test'?"),
        (
            ["search", "x", "--order", "bset"],
            "holdall: --order: must be one of newest, best; did you mean 'best'? (see",
        ),
        (["import", "x", "--token-env", "T"], "--token-env goes with --server"),
        (["check"], "there is no configuration file holdall.toml; to make one: holdall check --example > holdall.toml"),
        (["check", "--config", "my.toml"], "there is no configuration file my.toml; to make one"),
        (["check", "--schema", "NewMesage"], "no model 'NewMesage'; did you mean 'NewMessage'?"),
        (["plugins", "memry"], "no plugin 'memry' is installed"),
        (["plugins", "--schema"], "--schema needs the name of a plugin"),
        (["copy", "a.toml", "b.toml"], "there is no configuration file a.toml"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run: Run, arguments: list[str], line: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("holdall: ")
    assert line in err
    assert err.count("\n") == 1


def test_what_stands_after_two_dashes_is_for_pytest(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("holdall.testing.run", lambda *words, **options: asked.extend((*words, options)))
    assert run("plugin", "test", "memory", "--", "-x", "-k", "spans")[0] == 0
    assert asked == [
        "memory",
        {"plugin_file": None, "report": None, "as_json": False, "pytest_args": ["-x", "-k", "spans"]},
    ]


@pytest.mark.covers("PL-03")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[storage]\nuse = "memroy"\n', "holdall: storage.use: no plugin 'memroy' is installed (installed: "),
        ('[storage]\nuse = "memroy"\n', "did you mean 'memory'?"),
        ('[storage]\nuse = "redis"\n', "no plugin 'redis' is installed (installed: "),
        ('[storage]\nuse = "memory"\noptions = { paht = "x" }\n', "unknown key 'paht'"),
        ('[storage]\nuse = "memory"\n[server]\nanonymous = "a"\nworkers = 2\n', "server.workers is 2"),
        ('[storage]\nuse = "memory"\ndurability = "power"\n', "storage.durability demands 'power'"),
        (
            '[storage]\nuse = "memory"\n[compression]\nuse = "nosuch"\n',
            "compression.use: no plugin 'nosuch' is installed",
        ),
        ('[storage]\nuse = "memory"\n[cache]\npolicy = "nosuch"\n', "cache.policy: no plugin 'nosuch' is installed"),
        ('plugins = ["nosuch"]\n[storage]\nuse = "memory"\n', "no plugin 'nosuch' is installed"),
        ('[storage]\nuse = "nosuch"\n[encryption]\nuse = "aes"\n', "encryption.use: no plugin 'aes' is installed"),
        (
            '[storage]\nuse = "memory"\n[encryption]\nuse = "aesgcm"\nkeys = { use = "evn" }\n',
            "offered are: command, env); did you mean 'env'?",
        ),
        (
            '[storage]\nuse = "memory"\n[encryption]\nuse = "aesgcm"\nkeys = { use = "evn" }\n',
            "encryption.keys.use: no plugin 'evn'",
        ),
        (
            '[storage]\nuse = "shard"\noptions.members.one = { use = "memry" }\n',
            "storage.options.members.one.use: no plugin 'memry'",
        ),
        (
            '[storage]\nuse = "shard"\noptions.members.one = { use = "memory", options = { size = 1 } }\n',
            "storage.options.members.one.options of 'memory': unknown key 'size'",
        ),
        (
            '[storage]\nuse = "memory"\ndurability = "pwer"\n',
            "storage.durability: must be one of none, process, power; ",
        ),
        ('[storage]\nuse = "memory"\ndurability = "pwer"\n', "did you mean 'power'?"),
        ("[storage\n", "c.toml: "),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(run: Run, tmp_path: Path, text: str, line: str) -> None:
    code, out, err = run("check", "--config", write(tmp_path / "c.toml", text))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert line in err


def test_two_faults_are_two_lines(run: Run, tmp_path: Path) -> None:
    code, _, err = run("check", "--config", write(tmp_path / "c.toml", '[storage]\nues = "x"\n[sesions]\n'))
    assert (code, "unknown key 'storage.ues'; did you mean 'use'?" in err) == (2, True)
    assert all(line.startswith("holdall: ") for line in err.splitlines())
    assert len(err.splitlines()) == 3  # use is missing, too


def test_the_configuration_is_found_by_flag_then_environment_then_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("flag", "environment", "holdall"):
        write(tmp_path / f"{name}.toml", MEMORY)

    def used(*arguments: str) -> str:
        return json.loads(run(*arguments, "check", "--json")[1])["configuration"]

    assert used() == "holdall.toml"
    monkeypatch.setenv("HOLDALL_CONFIG", "environment.toml")
    assert used() == "environment.toml"
    assert used("--config", "flag.toml") == "flag.toml"
    assert used("--config=flag.toml") == "flag.toml"
    assert json.loads(run("check", "--config", "flag.toml", "--json")[1])["configuration"] == "flag.toml"
    monkeypatch.delenv("HOLDALL_CONFIG")
    (tmp_path / "holdall.toml").unlink()
    monkeypatch.setenv("HOLDALL_STORAGE__USE", "memory")
    assert used() == "the environment"


def test_the_example_runs_as_it_stands(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("check", "--example")
    assert code == 0
    write(tmp_path / "holdall.toml", out.replace('use = "file"', 'use = "memory"').replace('path = "./data"', "#"))
    code, _, err = run("check")
    assert (code, err) == (0, "")


def test_schemas_are_published(run: Run) -> None:
    settings = json.loads(run("check", "--schema")[1])
    assert {"storage", "server", "sessions"} <= set(settings["properties"])
    message = json.loads(run("check", "--schema", "NewMessage")[1])
    assert set(message["required"]) == {"role", "content"}
    assert message["$schema"].endswith("2020-12/schema")


def test_the_help_names_models_that_there_are_and_every_model_has_a_schema(run: Run) -> None:
    from holdall.sessions import models  # noqa: PLC0415

    told = " ".join(run("check", "--help")[1].split())
    named = told.split("of the model named: ")[1].split(" …")[0].split(", ")
    assert named
    for name in (*named, *models.__all__):
        code, out, _ = run("check", "--schema", name)
        assert (code, "$schema" in json.loads(out)) == (0, True)


def test_serving_without_the_server_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "holdall.toml", MEMORY)
    monkeypatch.setitem(sys.modules, "holdall_server", None)
    code, _, err = run("serve")
    assert (code, err) == (2, "holdall: serving needs the package holdall-server: pip install holdall-server\n")


def test_an_unexpected_error_is_one_line_unless_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "holdall.toml", MEMORY)
    monkeypatch.setattr("holdall.cli.deployment.examined", lambda _: 1 / 0)
    code, _, err = run("check")
    assert (code, err) == (70, "holdall: unexpected ZeroDivisionError: division by zero (--debug shows where)\n")
    code, _, err = run("check", "--debug")
    assert code == 70
    assert "Traceback" in err


HEEDING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test run in the background is started with it ignored
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_reader_that_goes_away_and_ctrl_c_leave_no_trace(tmp_path: Path) -> None:
    with subprocess.Popen([*HOLDALL, "check", "--schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as gone:
        assert gone.stdout is not None
        assert gone.stderr is not None
        gone.stdout.close()
        assert gone.stderr.read() == b""
    assert gone.returncode == 141
    config = write(tmp_path / "holdall.toml", MEMORY)
    command = [*HOLDALL, "import", "--config", str(config), "-"]
    heeding = [sys.executable, "-c", HEEDING, *command]
    with subprocess.Popen(heeding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        time.sleep(2)
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate()
    assert (waiting.returncode, err) == (130, b"holdall: interrupted\n")
