"""End what a session shows at a message, or take that back. Nothing is lost: what is added then goes to a new branch."""

from __future__ import annotations

import argparse

from holdall.cli.conversing import add_session, on_store
from holdall.cli.switching import told

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Where."""
    add_session(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("message", metavar="MESSAGE", nargs="?", help="the last message that is shown")
    what.add_argument("--undo", action="store_true", help="show all of the branch again")


def run(args: argparse.Namespace) -> int:
    """Revert, and print what the session shows now."""
    if args.undo:
        return told(on_store(args, lambda store: store.unrevert(args.id)), as_json=args.json)
    return told(on_store(args, lambda store: store.revert(args.id, args.message)), as_json=args.json)
