"""What the kits of every kind but storages have in common: the offer under test, and the options it is opened with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdall.testing.case import Cases
from holdall.testing.kinds import Kind, Tested, one

__all__ = ["OfferTests"]


class OfferTests(Cases):
    """The base of a kit: holds the plugin named ``plugin`` to what its ``kind`` promises."""

    kind: ClassVar[Kind]

    @pytest.fixture
    def tested(self) -> Tested:
        """Which plugin is under test."""
        return one(self.kind, self.plugin, self.plugin_file)

    @pytest.fixture
    def options(self, tested: Tested, tmp_path: Path) -> Mapping[str, Any]:
        """Options for the plugin: its own sandbox. One that needs more, or a service, overrides this."""
        return tested.offer.sandbox(tmp_path)
