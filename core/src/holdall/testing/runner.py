"""Runs the whole kit for a plugin whose author has written no test, and reports what it can do."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdall.testing.kinds import Kind, Tested, tested
from holdall.testing.report import Recorder

__all__ = ["run"]

SUITE = "holdall.testing.suite"
SUITES: Mapping[Kind, str] = {
    "storage": "TestStorage",
    "compressor": "TestCompressor",
    "cipher": "TestCipher",
    "cache policy": "TestCachePolicy",
    "key source": "TestKeySource",
    "tokenizer": "TestTokenizer",
    "compactor": "TestCompactor",
    "summariser": "TestSummariser",
    "search index": "TestSearchIndex",
    "format": "TestFormat",
}
"""The class of the suite that tests a kind."""


def run(
    plugin: str,
    *,
    plugin_file: Path | None = None,
    report: Path | None = None,
    as_json: bool = False,
    pytest_args: Sequence[str] = (),
) -> int:
    """Hold ``plugin`` (a name, or the path of a single-file plugin) to what its kind must keep; pytest's exit code.

    Prints a table of claimed and verified abilities and, with ``report``, writes it as JSON; with ``as_json`` the JSON
    is all that stands on the output. Of a plugin that offers several kinds under one name each is tested, and the JSON
    is a list. One that is not there or not well-formed raises ``PluginError``.
    """
    told: list[dict[str, Any]] = []
    codes: list[int] = []
    for found in tested(plugin, plugin_file):
        with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
            code, one = _run(found, pytest_args)
        codes.append(code)
        told.append(one)
    text = json.dumps(told[0] if len(told) == 1 else told, indent=2)
    if as_json:
        print(text)  # noqa: T201 - this is what it is run for
    if report is not None:
        report.write_text(text + "\n")
    return max(codes)


def _run(found: Tested, pytest_args: Sequence[str]) -> tuple[int, dict[str, Any]]:
    recorder = Recorder(found)
    with tempfile.TemporaryDirectory(prefix="holdall-test-", ignore_cleanup_errors=True) as folder:
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\nfilterwarnings = ignore::pytest.PytestAssertRewriteWarning\n")
        own = ["-c", str(settings), "--rootdir", folder, "--basetemp", str(Path(folder, "tmp"))]
        own += ["-p", "no:cacheprovider", "-p", "no:asyncio"]
        code = pytest.main([*own, "--pyargs", f"{SUITE}::{SUITES[found.kind]}", *pytest_args], plugins=[recorder])
    from holdall.testing.numbers import numbers  # noqa: PLC0415 - after pytest has rewritten what this imports

    made = recorder.report(numbers)
    print(made.table())  # noqa: T201 - this is what it is run for
    return int(code), made.to_json()
