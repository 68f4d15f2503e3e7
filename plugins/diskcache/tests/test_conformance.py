from holdall.testing import StorageTests


class TestDiskcache(StorageTests):
    plugin = "diskcache"
