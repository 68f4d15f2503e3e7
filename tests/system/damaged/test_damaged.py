"""The short form: a few sessions are damaged, all others are served, and exactly those are named."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.system.damaged.running import damaged, misses

pytestmark = pytest.mark.covers("ST-14")


@pytest.mark.parametrize("backend", ["file", "diskcache", "tinydb"])
def test_what_is_damaged_is_named_and_the_rest_is_served(tmp_path: Path, backend: str) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    assert damaged(tmp_path, backend, sessions=200, hurt=5, seed=seed).faults == []


def test_a_miss_is_one_either_way() -> None:
    assert misses(["session/0a1 messages/main[1]: bad"], {0: "0a1"}, {1: "0b2"}) == []
    assert misses(["session/0b2 messages/main[1]: bad"], {0: "0a1"}, {1: "0b2"}) == [
        "session/0a1 is damaged, and is not named",
        "session/0b2 is whole, and is named",
    ]
