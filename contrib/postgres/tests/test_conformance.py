"""The PostgreSQL storage keeps the contract.

Covers ST-01, ST-04, QA-01.
"""

from holdall.testing import StorageTests


class TestPostgres(StorageTests):
    plugin = "postgres"
