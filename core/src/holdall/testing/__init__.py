"""The conformance kit: three lines in a test file hold a plugin to what its kind must keep.

    from holdall.testing import StorageTests

    class TestRedis(StorageTests):
        plugin = "redis"

``CompressorTests``, ``CipherTests`` and ``CachePolicyTests`` are for the other kinds.

``holdall[testing]`` installs what it needs. Names are imported when asked for, so that the child processes of
the kit start without pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.testing.ciphers import CipherTests
    from holdall.testing.clock import ManualClock
    from holdall.testing.compressors import CompressorTests
    from holdall.testing.kit import StorageTests
    from holdall.testing.policies import CachePolicyTests
    from holdall.testing.runner import run

__all__ = ["CachePolicyTests", "CipherTests", "CompressorTests", "ManualClock", "StorageTests", "run"]

_HOMES = {
    "CachePolicyTests": "policies",
    "CipherTests": "ciphers",
    "CompressorTests": "compressors",
    "ManualClock": "clock",
    "StorageTests": "kit",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = f"{__name__}.{_HOMES[name]}"
    if name.endswith("Tests"):
        importlib.import_module("pytest").register_assert_rewrite(home)  # so that its asserts explain themselves
    return getattr(importlib.import_module(home), name)
