"""The conformance kit: three lines in a test file hold a plugin to what its kind must keep.

    from holdall.testing import StorageTests

    class TestRedis(StorageTests):
        plugin = "redis"

``CompressorTests``, ``CipherTests``, ``KeySourceTests``, ``CachePolicyTests``, ``TokenizerTests``,
``CompactorTests``, ``SummariserTests``, ``SearchIndexTests`` and ``FormatTests`` are for the other kinds.

``holdall[testing]`` installs what it needs. Names are imported when asked for, so that the child processes of
the kit start without pytest.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.testing.ciphers import CipherTests
    from holdall.testing.clock import ManualClock
    from holdall.testing.compactors import CompactorTests
    from holdall.testing.compressors import CompressorTests
    from holdall.testing.formats import FormatTests
    from holdall.testing.keys import KeySourceTests
    from holdall.testing.kit import StorageTests
    from holdall.testing.policies import CachePolicyTests
    from holdall.testing.runner import run
    from holdall.testing.searches import SearchIndexTests
    from holdall.testing.summarisers import SummariserTests
    from holdall.testing.tokenizers import TokenizerTests

__all__ = [
    "CachePolicyTests",
    "CipherTests",
    "CompactorTests",
    "CompressorTests",
    "FormatTests",
    "KeySourceTests",
    "ManualClock",
    "SearchIndexTests",
    "StorageTests",
    "SummariserTests",
    "TokenizerTests",
    "run",
]

_HOMES = {
    "CachePolicyTests": "policies",
    "CipherTests": "ciphers",
    "CompactorTests": "compactors",
    "CompressorTests": "compressors",
    "FormatTests": "formats",
    "KeySourceTests": "keys",
    "ManualClock": "clock",
    "SearchIndexTests": "searches",
    "StorageTests": "kit",
    "SummariserTests": "summarisers",
    "TokenizerTests": "tokenizers",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = f"{__name__}.{_HOMES[name]}"
    if name.endswith("Tests") and home not in sys.modules:
        importlib.import_module("pytest").register_assert_rewrite(home)  # so that its asserts explain themselves
    return getattr(importlib.import_module(home), name)
