"""The cache policies keep what a cache relies on, with bounds and without.

Covers PL-01, PL-02.
"""

import pytest

from holdall.testing import CachePolicyTests


class TestLru(CachePolicyTests):
    plugin = "lru"


class TestSieve(CachePolicyTests):
    plugin = "sieve"


class TestTinyLFU(CachePolicyTests):
    plugin = "tinylfu"


class TestTtl(CachePolicyTests):
    plugin = "ttl"


class TestBounded(CachePolicyTests):
    plugin = "tinylfu"

    @pytest.fixture
    def options(self):
        return {"most": 5, "largest": 100, "ttl": 3600}
