"""For every test of the whole: what the fault matrix came to is told at the end, however the tests are run."""

from __future__ import annotations

import pytest

from tests.matrix.outcomes import Outcomes


def pytest_configure(config: pytest.Config) -> None:
    """Listen to what the tests report."""
    config.pluginmanager.register(Outcomes(), "fault-matrix")
