"""A single-file plugin is configured like an installed one: named in ``plugins``, or by ``--plugin``."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from holdall.cli import main

SHELF = """
from dataclasses import replace
from holdall import hookimpl
import holdall_file

@hookimpl
def holdall_storages():
    return [replace(holdall_file.holdall_storages()[0], name="shelf")]
"""
CONFIG = '[storage]\nuse = "shelf"\n[storage.options]\npath = "data"\n[server]\nanonymous = "ana"\n'


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    pytest.importorskip("holdall_file")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLDALL_CONFIG", raising=False)
    Path("shelf.py").write_text(SHELF)
    Path("holdall.toml").write_text(CONFIG)

    def command(*arguments):
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.mark.parametrize("command", [["check"], ["list"], ["verify"], ["export", "0" * 20], ["import", "none.jsonl"]])
def test_every_command_that_opens_a_store_takes_a_plugin_file(run, command):
    assert "no plugin 'shelf' is installed" in run(*command)[2]
    err = run(*command, "--plugin", "./shelf.py")[2]
    assert "plugin" not in err
    assert "there is no plugin file gone.py" in run(*command, "--plugin", "./gone.py")[2]


def test_copy_takes_it_for_both_sides(run):
    Path("to.toml").write_text(CONFIG.replace('"data"', '"elsewhere"'))
    code, _, err = run("copy", "holdall.toml", "to.toml", "--plugin", "shelf.py")
    assert (code, err) == (0, "")


def test_the_configuration_can_name_it_too_and_twice_is_once(run):
    Path("holdall.toml").write_text(f'plugins = ["./shelf.py"]\n{CONFIG}')
    assert run("list", "--plugin", "shelf.py")[0] == 0
    code, out, _ = run("check")
    assert (code, "plugins        ./shelf.py" in out) == (0, True)


def test_it_is_described_and_not_taken_for_a_storage(run):
    code, out, _ = run("plugins", "./shelf.py")
    assert (code, "name       shelf" in out, "path" in out) == (0, True, True)
    code, out, _ = run("plugins", "./shelf.py", "--check")
    told = "./shelf.py: ok\n  storage 'shelf', contract 1, durability power, shared yes; options: path (required), "
    assert (code, out[: len(told)]) == (0, told)
    Path("holdall.toml").write_text(CONFIG.replace('"shelf"', '"./shelf.py"'))
    code, _, err = run("check")
    assert (code, "'./shelf.py' is a file: name it in plugins, and here the storage that it offers" in err) == (2, True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_worker_loads_it(run, workers):
    pytest.importorskip("holdall_server")
    serve = [sys.executable, "-m", "holdall.cli", "serve", "--port", "0", "--workers", workers, "--plugin", "shelf.py"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            words = server.stdout.readline().split()
            assert words[:2] == ["Holdall", "serves"]
            with urllib.request.urlopen(f"{words[2]}/api/sessions", timeout=10) as reply:
                assert reply.status == 200
        finally:
            server.terminate()
    assert server.returncode == 0


def test_a_plugin_for_a_newer_contract_is_named_by_the_check(run):
    Path("shelf.py").write_text(SHELF.replace('name="shelf"', 'name="shelf", contract=9'))
    code, out, _ = run("plugins", "./shelf.py", "--check")
    assert (code, "was written for contract 9; this is contract 1" in out) == (1, True)


def test_a_plugin_that_only_watches_is_ok(run):
    Path("shelf.py").write_text("from holdall import hookimpl\n@hookimpl\ndef holdall_observe(event): pass\n")
    assert run("plugins", "./shelf.py", "--check") == (0, "./shelf.py: ok\n  holdall_observe\n", "")


@pytest.mark.covers("PL-05")
@pytest.mark.parametrize("command", [["plugins", "./shelf.py", "--check"], ["list", "--plugin", "./shelf.py"]])
def test_a_plugin_that_ends_its_process_is_named(run, command):
    Path("shelf.py").write_text("import sys\nsys.exit(0)\n")
    code, out, err = run(*command)
    assert code == (1 if "--check" in command else 2)
    assert "the plugin file shelf.py cannot be imported: SystemExit(0)" in out + err


@pytest.mark.covers("PL-05")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\nos._exit(0)", "it ended the process that loaded it"),
        ("import atexit\natexit.register(print, 'bye')", "ok"),
        ("print('{}', end='')", "ok"),
    ],
)
def test_what_a_plugin_prints_or_leaves_unsaid_is_not_taken_for_the_check(run, code, said):
    Path("shelf.py").write_text(code)
    out = run("plugins", "./shelf.py", "--check")[1]
    assert out.startswith(f"./shelf.py: {said}\n")
