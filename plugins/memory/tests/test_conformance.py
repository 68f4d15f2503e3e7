"""The memory storage keeps the contract.

Covers ST-01, ST-02, QA-01.
"""

from holdall.testing import StorageTests


class TestMemory(StorageTests):
    plugin = "memory"
