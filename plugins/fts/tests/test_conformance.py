"""The conformance kit, on ``fts``."""

from __future__ import annotations

import pytest

from holdall.testing import SearchIndexTests


@pytest.mark.covers("CV-06")
class TestFts(SearchIndexTests):
    plugin = "fts"
