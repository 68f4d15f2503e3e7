"""Runs the whole kit for a plugin whose author has written no test, and reports what it can do."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from holdall.testing.opening import subject_of
from holdall.testing.report import Recorder

__all__ = ["run"]

SUITE = "holdall.testing.suite"


def run(
    plugin: str, *, plugin_file: Path | None = None, report: Path | None = None, pytest_args: Sequence[str] = ()
) -> int:
    """Hold ``plugin`` (a name, or the path of a single-file plugin) to the contract; pytest's exit code.

    Prints a table of claimed and verified abilities and, with ``report``, writes it as JSON. A plugin that is not
    there or not well-formed raises ``PluginError``.
    """
    subject = subject_of(plugin, plugin_file)
    recorder = Recorder(subject, subject.offer)
    with tempfile.TemporaryDirectory(prefix="holdall-test-", ignore_cleanup_errors=True) as folder:
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\nfilterwarnings = ignore::pytest.PytestAssertRewriteWarning\n")
        own = ["-c", str(settings), "--rootdir", folder, "--basetemp", str(Path(folder, "tmp"))]
        own += ["-p", "no:cacheprovider", "-p", "no:asyncio"]
        code = pytest.main([*own, "--pyargs", SUITE, *pytest_args], plugins=[recorder])
    told = recorder.report()
    print(told.table())  # noqa: T201 - this is what it is run for
    if report is not None:
        report.write_text(json.dumps(told.to_json(), indent=2) + "\n")
    return int(code)
