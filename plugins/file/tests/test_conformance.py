"""The file storage keeps the contract.

Covers ST-01, ST-03, QA-01.
"""

from __future__ import annotations

from holdall.testing import StorageTests


class TestFile(StorageTests):
    plugin = "file"
