"""Hold a storage plugin to the contract with the conformance kit."""

from __future__ import annotations

import argparse
from pathlib import Path

from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import Parser
from holdall.errors import PluginError

__all__ = ["configure", "run"]


def configure(parser: Parser) -> None:
    """Which plugin, and how to test it."""
    parser.advice = "; put pytest's arguments after --"
    actions = parser.add_subparsers(dest="action", required=True, metavar="test", parser_class=type(parser))
    test = actions.add_parser("test", help="run the conformance kit on an installed storage, or on a plugin file")
    test.add_argument("name", help="the plugin's name, or the path of a single-file plugin")
    test.add_argument("--report", type=Path, metavar="FILE", help="also write what was verified as JSON")
    test.add_argument("pytest", nargs="*", help="further arguments for pytest, after --")


def run(args: argparse.Namespace) -> int:
    """Run the kit; its report is pytest's own."""
    try:
        from holdall.testing import run as run_kit  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("holdall"):
            raise
        raise PluginError(f"the conformance kit needs {error.name}: pip install 'holdall[testing]'") from None
    failed = run_kit(args.name, report=args.report, pytest_args=args.pytest)
    return PROBLEMS if failed else OK
