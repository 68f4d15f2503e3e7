"""The conformance kit, on ``zstd``."""

from __future__ import annotations

import pytest

from holdall.testing import CompressorTests


@pytest.mark.covers("OP-11")
class TestZstd(CompressorTests):
    plugin = "zstd"
