"""Make a plugin, or test one: with the conformance kit of its kind, or a storage by crashing it.

``new`` writes a package, or a single file, that works and passes the kit as it is, with the places to change marked.

``test`` runs the kit; with --crash it kills a storage's processes or cuts the power under them; with --faults it lets
every system call that writes fail, or kills the process at it; with --linear it lets clients race, and checks that the
order of what they saw can be explained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from holdall.cli import making
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import Parser
from holdall.errors import PluginError
from holdall.testing.crash import command as crashing
from holdall.testing.faults import command as failing
from holdall.testing.linear import command as racing
from holdall.testing.outcomes import EXITS, common

__all__ = ["configure", "run"]

_USAGE = "holdall plugin test NAME [options] [-- pytest's own arguments]"


def configure(parser: Parser) -> None:
    """Which plugin, and how to test it."""
    parser.advice, parser.rest = "; put pytest's arguments after --", "pytest"
    actions = parser.add_subparsers(dest="action", required=True, metavar="new|test", parser_class=type(parser))
    new = actions.add_parser(
        "new", help="write a plugin that passes the kit, to be changed", description=making.__doc__
    )
    making.configure(new)
    about = "hold a plugin to its promises: the conformance kit, or crashes, faults and races"
    test = actions.add_parser("test", help=about, description=__doc__, epilog=EXITS, usage=_USAGE)
    test.add_argument("name", help="the plugin's name, or the path of a single-file plugin")
    test.add_argument("--report", type=Path, metavar="FILE", help="also write what the kit verified as JSON")
    common(test)
    crashing.configure(test.add_argument_group("crashes"), "--crash", default=None)
    group = test.add_argument_group("faults")
    group.add_argument("--faults", action="store_true", help="fail every call that writes, one after the other")
    failing.configure(group)
    group = test.add_argument_group("linearizability")
    group.add_argument("--linear", action="store_true", help="race clients in two processes, of which one is killed")
    racing.configure(group)


def run(args: argparse.Namespace) -> int:
    """Make what was asked for, or run the tool; without one, the kit, whose report is pytest's own."""
    if args.action == "new":
        return making.make(args)
    if sum((bool(args.crash), args.faults, args.linear)) > 1:
        raise PluginError("--crash, --faults and --linear are tools of their own: ask for one at a time")
    if args.crash:
        return crashing.crash(args)
    if args.faults:
        return failing.faults(args)
    if args.linear:
        return racing.linear(args)
    try:
        from holdall.testing import run as run_kit  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("holdall"):
            raise
        raise PluginError(f"the conformance kit needs {error.name}: pip install 'holdall[testing]'") from None
    failed = run_kit(
        args.name, plugin_file=args.plugin_file, report=args.report, as_json=args.json, pytest_args=args.pytest
    )
    return PROBLEMS if failed else OK
