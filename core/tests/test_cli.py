"""The command line: strict, quick to start, one line for each error, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import holdall
from holdall.cli import main

HOLDALL = [sys.executable, "-m", "holdall.cli"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLDALL_CONFIG", raising=False)

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*HOLDALL, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )


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
        ('[storage]\nuse = "memroy"\n', "no plugin 'memroy' is installed (installed: "),
        ('[storage]\nuse = "memroy"\n', "did you mean 'memory'?"),
        ('[storage]\nuse = "redis"\n', "no plugin 'redis' is installed (installed: "),
        ('[storage]\nuse = "memory"\noptions = { paht = "x" }\n', "unknown key 'paht'"),
        ('[storage]\nuse = "memory"\n[server]\nanonymous = "a"\nworkers = 2\n', "server.workers is 2"),
        ('[storage]\nuse = "memory"\ndurability = "power"\n', "storage.durability demands 'power'"),
        ('[storage]\nuse = "memory"\n[compression]\nuse = "nosuch"\n', "no plugin 'nosuch' is installed"),
        ('[storage]\nuse = "memory"\n[cache]\npolicy = "nosuch"\n', "no plugin 'nosuch' is installed"),
        ('plugins = ["nosuch"]\n[storage]\nuse = "memory"\n', "no plugin 'nosuch' is installed"),
        ('[storage]\nuse = "nosuch"\n[encryption]\nuse = "aes"\n', "no plugin 'aes' is installed"),
        (
            '[storage]\nuse = "memory"\n[encryption]\nuse = "aesgcm"\nkeys = { use = "evn" }\n',
            "offered are: command, env); did you mean 'env'?",
        ),
        (
            '[storage]\nuse = "shard"\noptions.members.one = { use = "memory", options = { size = 1 } }\n',
            "storage.options.members.one.options of 'memory': unknown key 'size'",
        ),
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


MEMORY = '[storage]\nuse = "memory"\n'


@pytest.mark.covers("PL-06")
def test_check_says_what_would_run(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "holdall.toml", f'{MEMORY}[server]\nport = 9999\nanonymous = "ana"\n')
    code, out, err = run("check")
    assert (code, err, out.splitlines()[-1]) == (0, "", "ok")
    code, out, _ = run("check", "--json")
    facts = json.loads(out)
    assert facts["configuration"] == path.name
    assert facts["storage"].startswith("memory (holdall-memory ")
    assert (facts["durability"], facts["shared"]) == ("none", "no")
    assert facts["listens"].startswith("http://127.0.0.1:9999, 1 worker")
    assert facts["clients"] == "without a token: ana"


@pytest.mark.covers("PL-06")
@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[search]\nuse = "ftss"\n', "no plugin 'ftss' is installed"),
        ('[search]\nuse = "fts"\n', "search.options of 'fts'"),
        ('[compaction]\nuse = ["windw"]\n', "did you mean 'window'?"),
        ("[compaction.options.elison]\nkeep = 2\n", "did you mean 'elision'?"),
        ('[compaction.options.elision]\nkeep = "two"\n', "compaction.options.elision"),
        ('[summaries]\nuse = "elision"\n', "'elision'"),
        ("[tokenizer]\noptions = { scale = 0 }\n", "tokenizer.options of 'estimate'"),
    ],
)
def test_check_names_what_is_wrong_with_search_and_compaction(
    run: Run, tmp_path: Path, section: str, said: str
) -> None:
    pytest.importorskip("holdall_fts")
    pytest.importorskip("holdall_compaction")
    write(tmp_path / "holdall.toml", MEMORY + section)
    code, out, err = run("check")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


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


def test_what_could_not_be_served_is_not_simply_ok(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("holdall_server")
    write(tmp_path / "holdall.toml", MEMORY)
    code, out, _ = run("check")
    assert (code, "`holdall serve` would refuse this" in out, out.splitlines()[-1]) == (0, True, "ok, but not to serve")


def test_check_shows_where_a_storage_is_and_opens_it_when_asked(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("holdall_file")
    settings = '[storage]\nuse = "file"\n[storage.options]\npath = "{}"\n[server]\nanonymous = "ana"\n'
    write(tmp_path / "holdall.toml", settings.format("./data"))
    code, out, _ = run("check", "--json")
    assert (code, json.loads(out)["path"]) == (0, str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()
    code, out, _ = run("check", "--open")
    assert (code, "opened         storage; and closed again" in out, out.splitlines()[-1]) == (0, True, "ok")
    assert (tmp_path / "data").is_dir()
    write(tmp_path / "file", "")
    write(tmp_path / "holdall.toml", settings.format("./file/data"))
    code, out, err = run("check", "--open")
    assert (code in (2, 3), out, err.count("\n")) == (True, "", 1)


SHUT = """
from holdall import SettingsError, hookimpl
from holdall.formats import builtin
from holdall.hooks import CompactorOffer, FormatOffer, NoSettings, SearchOffer, SummariserOffer, TokenizerOffer

def shut(_):
    raise SettingsError("shut: there is no key")

@hookimpl
def holdall_search_indexes():
    return [SearchOffer("shut", "", NoSettings, shut)]

@hookimpl
def holdall_summarisers():
    return [SummariserOffer("shut", "", NoSettings, shut)]

@hookimpl
def holdall_tokenizers():
    return [TokenizerOffer("shut", "", NoSettings, shut)]

@hookimpl
def holdall_compactors():
    return [CompactorOffer("shut", "", NoSettings, shut)]

@hookimpl
def holdall_formats():
    return [FormatOffer("aloud", "", writer=builtin.holdall_formats()[0].writer)]
"""


@pytest.mark.covers("PL-06", "PL-07")
@pytest.mark.parametrize("what", ['[search]\nuse = "shut"', '[summaries]\nuse = "shut"', '[tokenizer]\nuse = "shut"'])
def test_check_opens_all_that_is_named_when_asked(run: Run, tmp_path: Path, what: str) -> None:
    write(tmp_path / "shut.py", SHUT)
    write(tmp_path / "holdall.toml", f'plugins = ["./shut.py"]\n{MEMORY}\n{what}\n')
    code, out, err = run("check")
    assert (code, err, "shut" in out, "formats        aloud" in out) == (0, "", True, True)
    assert run("check", "--open") == (2, "", "holdall: shut: there is no key\n")


def test_check_names_what_it_opened(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("holdall_compaction")
    write(tmp_path / "holdall.toml", f'{MEMORY}\n[compaction]\nuse = ["window"]\n')
    assert "opened         storage, compactors; and closed again" in run("check", "--open")[1]
    write(tmp_path / "shut.py", SHUT)
    write(tmp_path / "holdall.toml", f'plugins = ["./shut.py"]\n{MEMORY}\n[compaction]\nuse = ["shut"]\n')
    assert run("check", "--open")[::2] == (2, "holdall: shut: there is no key\n")


def test_every_option_of_every_plugin_is_said_in_a_line(run: Run) -> None:
    for row in json.loads(run("plugins", "--json")[1]):
        for offer in json.loads(run("plugins", row["name"], "--json")[1]):
            for option, told in offer["options"].items():
                assert told["about"], f"{offer['kind']} {offer['name']!r}: {option}"


@pytest.mark.covers("PL-06")
def test_plugins_are_listed_and_described(run: Run) -> None:
    rows = json.loads(run("plugins", "--json")[1])
    assert "memory" in [row["name"] for row in rows]
    code, out, _ = run("plugins")
    assert (code, out.split()[:4]) == (0, ["NAME", "VERSION", "PACKAGE", "SUMMARY"])
    code, out, _ = run("plugins", "memory")
    assert (code, "abilities  durability none, shared no" in out) == (0, True)
    (offer,) = json.loads(run("plugins", "memory", "--json")[1])
    assert (offer["kind"], offer["contract"]) == ("storage", 1)
    assert json.loads(run("plugins", "memory", "--schema")[1])["additionalProperties"] is False


@pytest.mark.covers("PL-06")
def test_a_checked_plugin_tells_what_it_is(run: Run) -> None:
    code, out, _ = run("plugins", "memory", "--check")
    first, second = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"memory \d+\.\d+\.\d+: ok", first)
    assert second == "  storage, contract 1, durability none, shared no; options: none"
    (told,) = json.loads(run("plugins", "memory", "--check", "--json")[1])
    (offer,) = told["offers"]
    assert (told["error"], told["hooks"]) == (None, ["holdall_storages"])
    assert (offer["contract"], offer["abilities"]) == (1, {"durability": "none", "shared": "no"})
    assert offer["schema"]["additionalProperties"] is False


BROKEN = """
import sys
from pathlib import Path
import importlib.metadata

real = importlib.metadata.entry_points
few = ("memory", "file", "zlib")  # each is loaded in a process of its own
def entry_points(**asked):
    bad = [importlib.metadata.EntryPoint(name, value, "holdall") for name, value in
           (("broken", "holdall_no_such_module"), ("empty", "json"))]
    found = [one for one in real(**asked) if asked != {"group": "holdall"} or one.name in few]
    return importlib.metadata.EntryPoints([*found, *bad]) if asked == {"group": "holdall"} else real(**asked)
importlib.metadata.entry_points = entry_points
"""


@pytest.mark.covers("PL-05", "PL-06")
def test_a_broken_plugin_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    write(tmp_path / "sitecustomize.py", BROKEN)
    done = process("plugins", "--check", PYTHONPATH=str(tmp_path))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert [line for line in lines if re.fullmatch(r"memory .*: ok", line)]
    assert [lines[at + 1] for at, line in enumerate(lines) if line == "empty: ok"] == ["  implements no hook"]
    (broken,) = [line for line in lines if line.startswith("broken: ")]
    assert "cannot be imported" in broken
    listed = process("plugins", PYTHONPATH=str(tmp_path))
    assert (listed.returncode, "broken" in listed.stdout) == (0, True)
    described = process("plugins", "empty", PYTHONPATH=str(tmp_path))
    assert (described.returncode, "offers nothing" in described.stderr) == (2, True)


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
