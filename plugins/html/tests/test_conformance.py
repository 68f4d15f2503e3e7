"""The conformance kit, on ``html``."""

from __future__ import annotations

import pytest

from holdall.testing import FormatTests


@pytest.mark.covers("CV-07")
class TestHtml(FormatTests):
    plugin = "html"
