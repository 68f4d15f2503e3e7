"""The compactors, the tokenizer and the summariser keep what a context relies on, whatever their options.

Covers PL-01, PL-02, CV-10, CV-13.
"""

import pytest

from holdall.testing import CompactorTests, SummariserTests, TokenizerTests


class TestElision(CompactorTests):
    plugin = "elision"


class TestEager(CompactorTests):
    plugin = "elision"

    @pytest.fixture
    def options(self):
        return {"keep": 0, "least": 1}


class TestSummary(CompactorTests):
    plugin = "summary"


class TestWindow(CompactorTests):
    plugin = "window"


class TestEstimate(TokenizerTests):
    plugin = "estimate"


class TestScaled(TokenizerTests):
    plugin = "estimate"

    @pytest.fixture
    def options(self):
        return {"scale": 0.7}


class TestTextRank(SummariserTests):
    plugin = "textrank"
