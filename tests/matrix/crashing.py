"""The crash tool in the matrix: a few cycles of one mode, and the controls that make them say something."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdall
from holdall.contract import Durability
from holdall.errors import SettingsError
from holdall.testing.crash.disk import Missing
from holdall.testing.crash.run import Plan, run, run_controls
from holdall.testing.opening import Subject
from tests.matrix.helping import missing, settings

CYCLES = 2
SEED = "matrix"


def plan(mode: str, folder: Path) -> Plan:
    """The longer form is ``holdall plugin test NAME --crash MODE``."""
    print("seed", SEED)
    return Plan(mode, CYCLES, SEED, 3, folder)


def loses_nothing(mode: str, backend: str, folder: Path) -> None:
    """The crash tool's verdict, with each kind of writers."""
    try:
        rows = run(Subject(backend), plan(mode, folder), lambda _: None)
    except Missing as error:
        missing(str(error))
    assert [detail for row in rows for detail in row.findings.details] == []
    assert all(row.findings.acked and not row.findings.broken for row in rows)


def a_loss_is_seen(mode: str, folder: Path) -> None:
    """The negative control: without it the verdict would say nothing."""
    try:
        controls = run_controls(plan(mode, folder), lambda _: None)
    except Missing as error:
        missing(str(error))
    assert {row.must_lose for row in controls} == {True, False}
    assert all(row.right for row in controls)


async def claims_nothing(durability: str, backend: str, folder: Path) -> None:
    """It never said otherwise, and a configuration that demands more is refused before anything is opened."""
    assert Subject(backend).offer.abilities.durability is Durability.NONE
    config = settings(backend, folder)
    config["storage"]["durability"] = durability
    with pytest.raises(SettingsError, match=f"demands '{durability}', but 'memory' as configured promises 'none'"):
        async with holdall.open(config):
            pytest.fail("it opened")
