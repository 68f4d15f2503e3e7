"""The power goes while processes write: what was acknowledged is there, whole, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdall
from holdall.contract import Durability
from holdall.errors import SettingsError
from holdall.testing.crash.disk import Missing
from holdall.testing.crash.run import Plan, run, run_controls
from holdall.testing.opening import Subject
from tests.matrix.cells import cells
from tests.matrix.helping import missing, settings

FAULT = "power cut"
CYCLES = 2
SEED = "matrix"


def plan(folder: Path) -> Plan:
    """The longer form is ``holdall plugin test NAME --crash cut``."""
    print("seed", SEED)
    return Plan("cut", CYCLES, SEED, 3, folder)


@pytest.mark.crash
@cells(FAULT, file="R", diskcache="R", tinydb="R")
def test_matrix(backend: str, tmp_path: Path) -> None:
    """The crash tool's verdict, over a few cycles with each kind of writers."""
    try:
        rows = run(Subject(backend), plan(tmp_path), lambda _: None)
    except Missing as error:
        missing(str(error))
    assert [detail for row in rows for detail in row.findings.details] == []
    assert all(row.findings.acked and not row.findings.broken for row in rows)


@pytest.mark.crash
def test_a_storage_that_loses_is_found_out(tmp_path: Path) -> None:
    """The negative control: without it the cells above would say nothing."""
    try:
        controls = run_controls(plan(tmp_path), lambda _: None)
    except Missing as error:
        missing(str(error))
    assert {row.must_lose for row in controls} == {True, False}
    assert all(row.right for row in controls)


@cells(FAULT, memory="lost")
async def test_nothing_is_claimed(backend: str, tmp_path: Path) -> None:
    """It never said otherwise, and a configuration that demands more is refused before anything is opened."""
    assert Subject(backend).offer.abilities.durability is Durability.NONE
    config = settings(backend, tmp_path)
    config["storage"]["durability"] = "power"
    with pytest.raises(SettingsError, match="demands 'power', but 'memory' as configured promises 'none'"):
        async with holdall.open(config):
            pytest.fail("it opened")
