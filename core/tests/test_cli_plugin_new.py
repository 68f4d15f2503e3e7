"""``holdall plugin new``: what it writes works, passes its kit, and is as clean as our own code.

Covers PL-04.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdall.cli import main
from holdall.cli.scaffold import KINDS, Scaffold
from holdall.errors import PluginError

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LINE = "a thing of mine, with a line about it that is as long as most are"


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def write(*words):
        code = main(["plugin", "new", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return write


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=110, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_file_passes_its_kit(new, kind):
    code, out, _ = new("my-thing", LINE, "--kind", kind, "--single-file")
    assert (code, "holdall plugin test my_thing.py" in out) == (0, True)
    assert "CHANGE 1" in Path("my_thing.py").read_text()
    assert "mykind" not in Path("my_thing.py").read_text().lower()
    quick = {"HOLDALL_TEST_EXAMPLES": "2"}
    words = ("-m", "holdall.cli", "plugin", "test", "my_thing.py", "--json", "--", "-q")
    done = run(sys.executable, *words, env={**os.environ, **quick})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["plugin"], told["kind"], told["counts"]["failed"]) == ("my-thing", kind.replace("-", " "), 0)
    if kind != "storage":
        dictionaries = {"dictionary": False} if kind == "compressor" else {}  # its template makes none
        assert told["abilities"]["verified"] == {**dict.fromkeys(told["abilities"]["verified"], True), **dictionaries}
        assert told["abilities"]["claimed"] == told["abilities"]["verified"]
    assert told["numbers"]


def test_a_package_installs_and_runs_its_own_tests(new):
    assert new("my-thing", LINE)[0] == 0
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", "site")
    done = run(*pip, "./holdall-my-thing")
    assert done.returncode == 0, done.stderr
    found = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path("site").resolve()), *sys.path])}
    done = run(sys.executable, "-m", "holdall.cli", "plugins", "my-thing", "--check", env=found)
    assert done.stdout.startswith("my-thing 0.1.0: ok\n  storage, contract 1, durability none, shared no"), done.stderr
    own = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "spans or bytes or scan")
    done = run(*own, cwd="holdall-my-thing", env=found)
    assert done.returncode == 0, done.stdout


def test_what_is_written_is_as_clean_as_our_own_code(new, tmp_path):
    for kind in KINDS:
        assert new(f"a{len(kind)}", LINE, "--kind", kind)[0] == 0
    ruff = ("--config", ROOT / "pyproject.toml")
    done = run(BIN / "ruff", "format", "--check", "-q", *ruff, ".")
    assert done.returncode == 0, done.stdout
    done = run(BIN / "ruff", "check", "--output-format", "concise", *ruff, ".")
    assert done.returncode == 0, done.stdout
    strict = {"typeCheckingMode": "strict", "include": ["*/src"], "extraPaths": sys.path[1:], "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(strict))
    done = run(BIN / "pyright", "-p", tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["My", LINE], "small letters"),
        (["a b", LINE], "small letters"),
        (["../up", LINE], "small letters"),
        (["memory", LINE], "'memory' is installed already, from holdall-memory"),
        (["server", LINE], "holdall_server is there already, and would be replaced"),
        (["mine", ""], "say in one line"),
        (["mine", "two\nlines"], "say in one line"),
        (["mine", 'a "quote"'], "say in one line"),
        (["mine", "x" * 81], "say in one line"),
        (["mine", LINE, "--kind", "storag"], "invalid choice"),
    ],
)
def test_what_could_be_no_plugin_is_refused_in_one_line(new, words, line):
    code, out, err = new(*words)
    assert (code, out, line in err, err.count("\n")) == (2, "", True, 1)
    assert list(Path().iterdir()) == []


def test_nothing_is_overwritten(new):
    for flags in ([], ["--single-file"]):
        assert new("mine", LINE, *flags)[0] == 0
        code, _, err = new("mine", LINE, *flags)
        assert (code, "is there already" in err) == (2, True)


def test_it_is_written_where_it_is_told(new, tmp_path):
    assert new("mine", LINE, "--into", "deep/er", "--single-file")[0] == 0
    assert (tmp_path / "deep/er/mine.py").is_file()


def test_names_with_a_dash_become_names_of_python():
    plugin = Scaffold("big-shelf", LINE, "storage")
    assert (plugin.module, plugin.distribution) == ("holdall_big_shelf", "holdall-big-shelf")
    assert "class BigShelfSessionStorage" in plugin.code()
    with pytest.raises(PluginError):
        Scaffold("", LINE, "storage")
