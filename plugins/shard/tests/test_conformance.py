"""The shard keeps the contract, over members of every kind of promise.

Covers ST-05, QA-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from holdall.plugins import Plugins
from holdall.testing import StorageTests


def members(folder: Path, *kinds: str) -> Mapping[str, Any]:
    made: dict[str, Any] = {}
    for n, kind in enumerate(kinds):
        (folder / str(n)).mkdir()
        made[f"m{n}"] = {"use": kind, "options": dict(Plugins().storage(kind).sandbox(folder / str(n)))}
    return {"members": made}


class TestShard(StorageTests):
    """Over three in memory."""

    plugin = "shard"

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return {"members": {name: {"use": "memory"} for name in ("one", "two", "three")}}


class TestShardOfFiles(StorageTests):
    """Over two that many processes may open, and that survive: the sandbox."""

    plugin = "shard"
    test_any_steps = test_any_partition = test_any_mark = test_no_process_sees_half = None


class TestShardOfUnlike(StorageTests):
    """Over two of which one belongs to one process: so does the whole."""

    plugin = "shard"
    test_any_steps = test_any_partition = test_any_mark = test_killed = None

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return members(tmp_path, "diskcache", "tinydb")
