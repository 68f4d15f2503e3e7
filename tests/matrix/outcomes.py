"""The part of pytest that takes down what came of each cell of the fault matrix.

``MATRIX_OUT=FILE`` has it written as JSON. Cells that this machine cannot run are named and counted at the end.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

PROPERTY = "cell"


@dataclass(frozen=True)
class Proof:
    """One run of one test."""

    fault: str
    backend: str
    asks: str
    test: str
    outcome: str
    reason: str = ""


@dataclass(eq=False)
class Outcomes:
    """What came of each test of a cell, also when other processes ran them."""

    proofs: list[Proof] = field(default_factory=list)

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let each report tell of its cell."""
        for item in items:
            mark = item.get_closest_marker(PROPERTY)
            if mark is not None and isinstance(item, pytest.Function):
                item.user_properties.append((PROPERTY, [*mark.args, item.callspec.params["backend"]]))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down the outcome of the test, or of whatever kept it from running."""
        told = dict(report.user_properties).get(PROPERTY)
        if isinstance(told, list) and (report.when == "call" or report.outcome != "passed"):
            fault, asks, backend = told
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            proof = Proof(fault, backend, asks, report.nodeid, report.outcome, reason.removeprefix("Skipped: "))
            self.proofs.append(proof)

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Write what is asked for; nodes of xdist have nothing to tell."""
        if self.proofs and (path := os.environ.get("MATRIX_OUT")) and "PYTEST_XDIST_WORKER" not in os.environ:
            rows = [asdict(proof) for proof in sorted(self.proofs, key=lambda proof: proof.test)]
            Path(path).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was not run."""
        missing = sorted({(each.fault, each.backend, each.reason) for each in self.proofs if each.outcome == "skipped"})
        for fault, backend, reason in missing:
            terminalreporter.write_line(f"MISSING CELL {fault}, {backend}: {reason.removeprefix('MISSING: ')}")
        tested = {(each.fault, each.backend) for each in self.proofs if each.outcome != "skipped"}
        if self.proofs:
            terminalreporter.write_line(f"fault matrix: {len(tested)} cells tested, {len(missing)} missing")
