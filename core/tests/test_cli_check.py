"""``holdall check``: what a configuration would run, what is wrong with it, and whether all of it opens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.commands import MEMORY, Run, command_in, write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; its exit code, output and errors."""
    return command_in(tmp_path, capsys, monkeypatch)


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
        ('[search]\nuse = "ftss"\n', "search.use: no plugin 'ftss' is installed"),
        ('[search]\nuse = "fts"\n', "search.options of 'fts'"),
        ('[compaction]\nuse = ["windw"]\n', "compaction.use: no plugin 'windw'"),
        ('[compaction]\nuse = ["windw"]\n', "did you mean 'window'?"),
        ("[compaction.options.elison]\nkeep = 2\n", "compaction.options: no plugin 'elison'"),
        ("[compaction.options.elison]\nkeep = 2\n", "did you mean 'elision'?"),
        ('[compaction.options.elision]\nkeep = "two"\n', "compaction.options.elision"),
        ('[summaries]\nuse = "elision"\n', "summaries.use: plugin 'elision'"),
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
