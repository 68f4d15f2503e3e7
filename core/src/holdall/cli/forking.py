"""Make a branch of a conversation. No message is copied."""

from __future__ import annotations

import argparse
import json

from holdall.cli.conversing import add_session, on_store
from holdall.cli.exits import OK

__all__ = ["configure", "run"]

_ASKED = ("at", "before", "name", "title", "switch", "key")


def configure(parser: argparse.ArgumentParser) -> None:
    """Where from, and what it is called."""
    add_session(parser)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--at", metavar="MESSAGE", help="the last message that it has (default: what is shown)")
    place.add_argument("--before", metavar="MESSAGE", help="the first message that it does not have")
    parser.add_argument("--name", help="its name, for good (default: one is found)")
    parser.add_argument("--title", help="what people call it")
    parser.add_argument("--switch", action="store_true", help="make it the current branch")
    parser.add_argument("--key", help="with the same key it is made once, however often it is asked for")


def run(args: argparse.Namespace) -> int:
    """Make it, and print its name."""
    asked = {name: getattr(args, name) for name in _ASKED}
    branch = on_store(args, lambda store: store.fork(args.id, **asked))
    print(json.dumps(branch.as_dict()) if args.json else branch.name)
    return OK
