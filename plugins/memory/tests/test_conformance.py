"""The memory storage keeps the contract."""

from holdall.testing import StorageTests


class TestMemory(StorageTests):
    plugin = "memory"
