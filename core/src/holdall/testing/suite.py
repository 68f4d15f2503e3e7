"""The module that ``holdall.testing.run`` hands to pytest: the kit of each kind, for the plugin that was named."""

from __future__ import annotations

from holdall.testing import CachePolicyTests, CipherTests, CompressorTests, StorageTests

__all__ = ["TestCachePolicy", "TestCipher", "TestCompressor", "TestStorage"]


class TestStorage(StorageTests):
    """The kit for one storage; ``run`` sets which."""

    plugin = "?"


class TestCompressor(CompressorTests):
    """The kit for one compressor; ``run`` sets which."""

    plugin = "?"


class TestCipher(CipherTests):
    """The kit for one cipher; ``run`` sets which."""

    plugin = "?"


class TestCachePolicy(CachePolicyTests):
    """The kit for one cache policy; ``run`` sets which."""

    plugin = "?"
