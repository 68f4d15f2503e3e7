"""The power goes while processes write: what was acknowledged is there, whole, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.cells import cells
from tests.matrix.crashing import a_loss_is_seen, claims_nothing, loses_nothing

FAULT, MODE = "power cut", "cut"


@pytest.mark.crash
@cells(FAULT, file="R", diskcache="R", tinydb="R")
def test_matrix(backend: str, tmp_path: Path) -> None:
    loses_nothing(MODE, backend, tmp_path)


@pytest.mark.crash
def test_a_storage_that_loses_is_found_out(tmp_path: Path) -> None:
    a_loss_is_seen(MODE, tmp_path)


@cells(FAULT, memory="lost")
async def test_nothing_is_claimed(backend: str, tmp_path: Path) -> None:
    await claims_nothing("power", backend, tmp_path)
