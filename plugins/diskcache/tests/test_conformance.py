"""The diskcache storage keeps the contract.

Covers ST-01, QA-01.
"""

from holdall.testing import StorageTests


class TestDiskcache(StorageTests):
    plugin = "diskcache"
