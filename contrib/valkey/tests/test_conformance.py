"""The Valkey storage keeps the contract, on one server.

Covers ST-01, QA-01.
"""

from holdall.testing import StorageTests


class TestValkey(StorageTests):
    plugin = "valkey"
