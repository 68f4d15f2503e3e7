"""The file storage keeps the contract.

Covers ST-01, ST-03, QA-01.
"""

from __future__ import annotations

import pytest

from holdall.testing import StorageTests


class TestFile(StorageTests):
    plugin = "file"


class TestMoreThanMayBeOpen(StorageTests):
    """With as few sessions open as may be set: most are put aside in between."""

    plugin = "file"

    @pytest.fixture
    def options(self, tmp_path):
        return {"path": str(tmp_path / "store"), "open_sessions": 8}
