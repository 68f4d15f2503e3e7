"""The benchmark runs, and its document has every field. What it measures is never asserted here.

Covers XX-02.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.corpus import LARGEST, SMALLEST, encoded
from tests.bench.goals import GOALS
from tests.bench.plan import SMOKE
from tests.bench.results import read
from tests.bench.rows import Row
from tests.bench.table import page
from tests.bench.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]
ONLY = "floor,overhead,append,concurrent,crowd,page,branches,long,list,resume,http,syncs,bytes,memory,hits"


@pytest.mark.timeout(400)  # fifteen cells, each with a limit of its own
def test_a_run_is_kept_and_makes_a_page(tmp_path: Path) -> None:
    """A run, as small as it gets, with a backend that does not exist beside one that does. One test: it is made once."""
    path = tmp_path / "smoke.json"
    argv = ["--smoke", "--only", ONLY, "--backends", "memory,nothing", "--out", str(path), "--label", "smoke"]
    argv += ["--dir", str(path.parent)]
    done = subprocess.run([sys.executable, "-m", "tests.bench", *argv], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "append     memory" in done.stdout
    document = read(path)
    says_what_was_measured_on_what(document)
    has_a_row_of_every_workload(document)
    has_its_numbers(document)
    makes_a_page(path)


def rows(document: dict[str, Any]) -> list[Row]:
    return [Row(**row) for row in document["rows"]]


def says_what_was_measured_on_what(document: dict[str, Any]) -> None:
    """Machine, load, plan and rows; and no path or name of this machine."""
    assert set(document) == {"format", "label", "date", "seconds", "machine", "load", "plan", "rows"}
    assert {"cores", "processor", "python", "libraries", "filesystem"} <= set(document["machine"])
    assert "folder" not in document["plan"]
    assert str(ROOT) not in json.dumps(document)


def has_a_row_of_every_workload(document: dict[str, Any]) -> None:
    """What is not measured is named with the reason."""
    found = rows(document)
    assert {row.workload for row in found} == {*ONLY.split(","), "all"}
    assert [row.note for row in found if row.status == "failed"] == []
    assert all(row.note for row in found if row.status != "measured")
    assert [row.backend for row in found if row.workload == "all"] == ["nothing"]


def has_its_numbers(document: dict[str, Any]) -> None:
    """A value or a ratio, what the ratio is to, and the samples behind it."""
    for row in rows(document):
        if row.status == "measured":
            assert row.value is not None or row.ratio is not None, row
            assert (row.ratio is None) == (not row.against), row
            assert row.goal in {"", *GOALS}, row
    append = next(row for row in rows(document) if row.workload == "append")
    assert {"p50_us", "p99_us", "cpu_us", "samples_us", "floor", "durability", "ratio_to_overwrite"} <= set(append.more)


def makes_a_page(out: Path) -> None:
    """Every row of every run."""
    text = page(out.parent)
    assert "## smoke" in text
    assert text.count("| append | memory |") == 2


def test_the_corpus_is_the_same_everywhere() -> None:
    """Same bytes on every machine and Python, 200 B to 4 kB."""
    conversation = [encoded(number) for number in range(2000)]
    assert min(map(len, conversation)) >= SMALLEST
    assert max(map(len, conversation)) <= LARGEST
    digest = hashlib.sha256(b"\n".join(conversation)).hexdigest()
    assert digest.startswith("df0adba7d282db2c")


def test_unknown_workloads_are_refused() -> None:
    """With the names that there are."""
    argv = [sys.executable, "-m", "tests.bench", "--only", "apend"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert all(name in done.stderr for name in WORKLOADS)


def test_peers_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row says what to install; nothing is skipped quietly."""
    monkeypatch.setenv("PEERS", str(tmp_path / "nowhere"))
    (row,) = WORKLOADS["vs-append"].run("file", SMOKE)
    assert (row.status, row.note) == ("missing", "the peers are not installed: make peers")


def test_an_append_is_measured_layer_by_layer(tmp_path: Path) -> None:
    """With the sync and without, by the contract and by the public interface; and the syncs themselves."""
    found = WORKLOADS["layers"].run("file", dataclasses.replace(SMOKE, folder=str(tmp_path)))
    assert [row.case for row in found if row.value] == [
        "a raw append + fdatasync", "public API, memory backend",
        "the least, in straight Python, no sync", "the contract, no sync", "public API, no sync",
        "the least, in straight Python", "the contract", "public API", "of that, the sync itself",
    ]  # fmt: skip
