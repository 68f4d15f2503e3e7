"""The module that ``holdall.testing.run`` hands to pytest: the kit, for the plugin that was named."""

from __future__ import annotations

from holdall.testing.kit import StorageTests

__all__ = ["TestStorage"]


class TestStorage(StorageTests):
    """The kit for one plugin; ``run`` sets which."""

    plugin = "memory"
