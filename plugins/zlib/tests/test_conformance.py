"""The conformance kit, on ``zlib``."""

from __future__ import annotations

import pytest

from holdall.testing import CompressorTests


@pytest.mark.covers("OP-11")
class TestZlib(CompressorTests):
    plugin = "zlib"
