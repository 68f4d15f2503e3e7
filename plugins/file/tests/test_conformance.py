from __future__ import annotations

from holdall.testing import StorageTests


class TestFile(StorageTests):
    plugin = "file"
