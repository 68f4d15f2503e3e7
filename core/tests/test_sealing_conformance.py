"""A storage with encryption around it is a storage like any other.

Covers SE-10, ST-05.
"""

from pathlib import Path

from holdall.testing import StorageTests


class TestSealed(StorageTests):
    plugin = "sealed-memory"
    plugin_file = Path(__file__).parent / "support" / "sealed.py"
