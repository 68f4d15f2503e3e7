"""``StorageTests``: every group of tests, for one storage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("holdall.testing.bench", "holdall.testing.cases")

from holdall.testing.bench import Bench  # noqa: E402 - after its asserts are made to explain themselves
from holdall.testing.cases.batches import BatchCases  # noqa: E402
from holdall.testing.cases.commits import CommitCases  # noqa: E402
from holdall.testing.cases.concurrency import ConcurrencyCases  # noqa: E402
from holdall.testing.cases.durability import DurabilityCases  # noqa: E402
from holdall.testing.cases.lanes import LaneCases  # noqa: E402
from holdall.testing.cases.machine import MachineCases  # noqa: E402
from holdall.testing.cases.marks import MarkCases  # noqa: E402
from holdall.testing.cases.names import NameCases  # noqa: E402
from holdall.testing.cases.purging import PurgeCases  # noqa: E402
from holdall.testing.cases.scans import ScanCases  # noqa: E402
from holdall.testing.cases.sharing import SharingCases  # noqa: E402
from holdall.testing.cases.verbs import VerbCases  # noqa: E402
from holdall.testing.opening import Subject, subject_of  # noqa: E402

__all__ = ["StorageTests"]


class StorageTests(
    VerbCases,
    LaneCases,
    CommitCases,
    MarkCases,
    ScanCases,
    NameCases,
    ConcurrencyCases,
    BatchCases,
    DurabilityCases,
    SharingCases,
    PurgeCases,
    MachineCases,
):
    """Holds the storage named ``plugin`` to the contract and to its own claims.

    A storage that needs a service overrides the fixture ``options``; each test wants an empty storage.
    """

    @pytest.fixture
    def subject(self) -> Subject:
        """Which plugin is under test."""
        return subject_of(self.plugin, self.plugin_file)

    @pytest.fixture
    def options(self, subject: Subject, tmp_path: Path) -> Mapping[str, Any]:
        """Options for an empty storage: the plugin's own sandbox."""
        return subject.offer.sandbox(tmp_path)

    @pytest.fixture
    def bench(self, subject: Subject, options: Mapping[str, Any]) -> Bench:
        """The bench that each test works on."""
        return Bench(subject, options)
