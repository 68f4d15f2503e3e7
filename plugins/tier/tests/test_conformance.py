"""The tier keeps the contract: in front of what many may write to, and of what is one process's.

Covers ST-05, QA-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from holdall.plugins import Plugins
from holdall.testing import StorageTests


class TestTier(StorageTests):
    """Memory in front of files: shared, so the back is asked for each head."""

    plugin = "tier"
    test_any_steps = test_any_partition = test_any_mark = test_four_processes = None


class TestTierAlone(StorageTests):
    """Memory in front of memory, with room for little: the front answers alone, and is always full."""

    plugin = "tier"

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return {"back": {"use": "memory"}, "max_bytes": 300, "largest": 20}


class TestTierOfOneProcess(StorageTests):
    """In front of TinyDB."""

    plugin = "tier"
    test_any_steps = test_any_partition = test_any_mark = test_killed = None

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"back": {"use": "tinydb", "options": dict(Plugins().storage("tinydb").sandbox(tmp_path))}}
