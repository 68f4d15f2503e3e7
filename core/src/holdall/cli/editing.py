"""Change what a message says, or make an earlier version of it the newest again. Every version is kept."""

from __future__ import annotations

import argparse
import sys

from holdall.cli.conversing import add_message, add_session, on_store, show
from holdall.cli.exits import OK
from holdall.cli.parsing import positive

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which message, and what becomes of it."""
    add_session(parser)
    add_message(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("text", metavar="TEXT", nargs="?", help="what it says now (default: all of standard input)")
    what.add_argument("--restore", type=positive, metavar="N", help="this version of it; `holdall versions` has them")


def run(args: argparse.Namespace) -> int:
    """Change it, and print it as it is now."""
    if args.restore is not None:
        message = on_store(args, lambda store: store.restore_version(args.id, args.message, args.restore))
    else:
        text = sys.stdin.read() if args.text is None else args.text
        message = on_store(args, lambda store: store.edit(args.id, args.message, {"content": text}))
    show([message], as_json=args.json)
    return OK
