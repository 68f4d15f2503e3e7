"""The module that ``holdall.testing.run`` hands to pytest: the kit of each kind, for the plugin that was named."""

from __future__ import annotations

from holdall.testing import (
    CachePolicyTests,
    CipherTests,
    CompactorTests,
    CompressorTests,
    FormatTests,
    KeySourceTests,
    SearchIndexTests,
    StorageTests,
    SummariserTests,
    TokenizerTests,
)

__all__ = [
    "TestCachePolicy",
    "TestCipher",
    "TestCompactor",
    "TestCompressor",
    "TestFormat",
    "TestKeySource",
    "TestSearchIndex",
    "TestStorage",
    "TestSummariser",
    "TestTokenizer",
]


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


class TestKeySource(KeySourceTests):
    """The kit for one key source; ``run`` sets which."""

    plugin = "?"


class TestTokenizer(TokenizerTests):
    """The kit for one tokenizer; ``run`` sets which."""

    plugin = "?"


class TestCompactor(CompactorTests):
    """The kit for one compactor; ``run`` sets which."""

    plugin = "?"


class TestSummariser(SummariserTests):
    """The kit for one summariser; ``run`` sets which."""

    plugin = "?"


class TestSearchIndex(SearchIndexTests):
    """The kit for one search index; ``run`` sets which."""

    plugin = "?"


class TestFormat(FormatTests):
    """The kit for one format; ``run`` sets which."""

    plugin = "?"
