"""``holdall plugin new``: what it writes works, passes its kit, and is as clean as our own code.

Covers PL-04.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import settings

from holdall.cli import main, offers
from holdall.cli.scaffold import KINDS, Scaffold
from holdall.errors import PluginError
from holdall.testing import compactors, numbers, policies, runner, tokenizers
from holdall.testing.cases import machine

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


@pytest.fixture
def few(monkeypatch):
    """Random steps, texts and measurements by the hundred are for real plugins; a template gets a few."""
    monkeypatch.setattr(machine, "EXAMPLES", 2)
    monkeypatch.setattr(numbers, "_COUNT", 20)
    for kit in (policies, tokenizers, compactors):
        monkeypatch.setattr(kit, "thorough", settings(kit.thorough, max_examples=5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_file_passes_its_kit(new, capsys, few, kind):
    """In this process: the kit of a fresh file, and with it everything that the kit of its kind asks for."""
    code, out, _ = new("my-thing", LINE, "--kind", kind, "--single-file")
    assert (code, "holdall plugin test my_thing.py" in out) == (0, True)
    assert "CHANGE 1" in Path("my_thing.py").read_text()
    assert "mykind" not in Path("my_thing.py").read_text().lower()
    code = main(["plugin", "test", "my_thing.py", "--json", "--", "-q"])
    told = capsys.readouterr()
    assert code == 0, told.err
    told = json.loads(told.out)
    assert (told["plugin"], told["kind"], told["counts"]["failed"]) == ("my-thing", kind.replace("-", " "), 0)
    if kind != "storage":
        dictionaries = {"dictionary": False} if kind == "compressor" else {}  # its template makes none
        assert told["abilities"]["verified"] == {**dict.fromkeys(told["abilities"]["verified"], True), **dictionaries}
        assert told["abilities"]["claimed"] == told["abilities"]["verified"]
    assert told["numbers"]


def test_a_package_installs_and_runs_its_own_tests(new):
    """The one that asks pip: packages of all kinds have the same files, but for the plugin and the kit's name."""
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


@pytest.fixture
def packages(new):
    """A package of each kind, by its module."""
    for kind in KINDS:
        assert new(f"my-{kind}", LINE, "--kind", kind)[0] == 0
    return {kind: f"holdall_my_{kind.replace('-', '_')}" for kind in KINDS}


def test_what_is_written_is_as_clean_as_our_own_code(packages, tmp_path):
    for config in (("--config", ROOT / "pyproject.toml"), ("--isolated", "--config", "line-length=120"), ()):
        done = run(BIN / "ruff", "format", "--check", "-q", *config, ".")
        assert done.returncode == 0, done.stdout
        done = run(BIN / "ruff", "check", "--output-format", "concise", *config, ".")
        assert done.returncode == 0, done.stdout
    own = [tomllib.loads(path.read_text())["tool"]["pyright"] for path in tmp_path.glob("*/pyproject.toml")]
    assert own == [{"typeCheckingMode": "strict", "include": ["src"]}] * len(KINDS)
    strict = {"typeCheckingMode": "strict", "include": ["*/src"], "extraPaths": sys.path[1:], "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(strict))
    done = run(BIN / "pyright", "-p", tmp_path)
    assert done.returncode == 0, done.stdout


def test_every_kind_that_there_is_can_be_begun(packages, capsys, monkeypatch):
    """A package of each kind is found by its name, runs the kit of its kind, and its README's configuration opens."""
    monkeypatch.setenv("HOLDALL_KEYS", "ab" * 32)
    assert {kind.replace("-", " ") for kind in KINDS} == set(offers.KINDS.values()) == set(runner.SUITES)
    for kind, module in packages.items():
        home, name = Path(f"holdall-my-{kind}"), f"my-{kind}"
        about = tomllib.loads((home / "pyproject.toml").read_text())["project"]
        assert about["entry-points"]["holdall"] == {name: module}
        tests = (home / "tests/test_conformance.py").read_text()
        kit = runner.SUITES[kind.replace("-", " ")].removeprefix("Test") + "Tests"
        assert (tests.count(kit), f'plugin = "{name}"' in tests) == (2, True)
        fenced = (home / "README.md").read_text().split("```")[1].removeprefix("toml\n")
        file, line = f'"{home}/src/{module}/__init__.py"', "plugins = ["
        named = fenced.replace(f'{line}"{name}"]', f"{line}{file}]").replace(
            f'{line}"aesgcm"', f'{line}"aesgcm", {file}'
        )
        whole = named if named != fenced else f"{line}{file}]\n{fenced}"
        Path("holdall.toml").write_text(whole + ("" if kind == "storage" else '\n[storage]\nuse = "memory"\n'))
        code = main(["check", "--config", "holdall.toml", "--open"])
        told = capsys.readouterr()
        assert (code, name in told.out.replace(str(home), "")) == (0, True), f"{kind}: {told}"


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
        (["mine", LINE, "--kind", "storag"], "--kind: must be one of storage, compressor, cipher, "),
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
