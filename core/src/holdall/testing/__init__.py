"""The conformance kit: three lines in a test file hold a storage plugin to the contract.

    from holdall.testing import StorageTests

    class TestRedis(StorageTests):
        plugin = "redis"

``holdall[testing]`` installs what it needs. Names are imported when asked for, so that the child processes of
the kit start without pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.testing.clock import ManualClock
    from holdall.testing.kit import StorageTests
    from holdall.testing.runner import run

__all__ = ["ManualClock", "StorageTests", "run"]

_HOMES = {"ManualClock": "clock", "StorageTests": "kit", "run": "runner"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
