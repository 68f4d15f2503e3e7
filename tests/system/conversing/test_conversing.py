"""A short form of ``python -m tests.system.conversing``: a server is killed while clients do all that can be done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.system.conversing.looking import differences
from tests.system.conversing.running import one_round
from tests.system.stopping import CONTROL, HASTY

pytestmark = pytest.mark.crash


@pytest.mark.covers("QA-04", "CV-05", "CV-09", "CV-11", "XX-04")
def test_every_acknowledged_operation_holds_and_none_is_there_by_half(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    found = one_round(tmp_path, "file", "server", seconds=1.5, seed=seed)
    assert found.faults == []
    assert found.acknowledged


def test_a_server_that_acknowledges_too_early_is_caught(tmp_path: Path) -> None:
    """The negative control."""
    found = one_round(tmp_path, CONTROL, "server", seconds=1, seed=1, plugin=HASTY)
    assert any("it is not what was acknowledged" in fault for fault in found.faults)


def test_a_difference_is_named_by_its_place() -> None:
    left, right = {"a": [{"b": 1, "c": 2}], "d": []}, {"a": [{"b": 1, "c": 3}]}
    assert differences(left, right) == ["/a/0/c: 2 / 3", "/d: [] / None"]
    assert differences(left, left) == []
