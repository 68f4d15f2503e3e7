from holdall.testing import StorageTests


class TestTinyDB(StorageTests):
    plugin = "tinydb"
