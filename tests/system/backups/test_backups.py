"""The short form: one backup under four writing processes, a few killed restores, and a judge that can say no."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.system.backups.killing import kill_restores
from tests.system.backups.running import backup_under_writers, faults_of, write_config

pytestmark = [pytest.mark.covers("ST-14"), pytest.mark.crash]


@pytest.mark.parametrize("backend", ["file", pytest.param("diskcache", marks=pytest.mark.thorough)])
def test_a_backup_under_four_writers(tmp_path: Path, backend: str) -> None:
    run = backup_under_writers(tmp_path, backend, sessions=40, warm=0.3)
    assert run.faults == []
    assert run.grown


def test_a_killed_restore(tmp_path: Path) -> None:
    """Into another backend than the backup came from."""
    run = backup_under_writers(tmp_path, "diskcache", writers=0, sessions=40, warm=0)
    assert run.faults == []
    seed = random.randrange(1 << 32)
    print("seed", seed)
    config = write_config(tmp_path, "file")
    faults, _ = kill_restores(tmp_path, tmp_path / "archive.jsonl", config, 2, random.Random(seed))
    assert faults == []


def test_the_judge_sees_what_is_no_prefix_and_half_a_step() -> None:
    now = [json.dumps({"content": f"1 {number} {part} 2"}) for number in range(3) for part in range(2)]
    head = {"lanes": {"messages/main": [0, 4, 0]}}
    assert faults_of("s", head, now[:4], now) == []
    assert faults_of("s", {"lanes": {"messages/main": [0, 3, 0]}}, now[:3], now) == [
        "s: its last step is there by half: ['1', '1', '0', '2']"
    ]
    assert faults_of("s", head, [now[0], *now[2:5]], now)[0] == "s: what the archive has is no prefix of its history"
    assert faults_of("s", head, now[:2], now) == ["s: the head says another number of messages"]
