"""Erase a message, a deleted branch or a session for good, and say whether anything is left of it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from holdall.cli.conversing import on_store
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins

if TYPE_CHECKING:
    from holdall.sessions.purging import Purged
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """What to erase."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; all of it, unless a message or a branch is named")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--message", metavar="ID", help="only this message, with all that it ever said")
    what.add_argument("--branch", metavar="NAME", help="only the messages of this branch, which was deleted before")
    parser.add_argument("--yes", action="store_true", help="do it: nothing brings back what is erased")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Erase it; succeeds when nothing is left."""
    if not args.yes:
        what = args.message or (f"the branch {args.branch}" if args.branch else "the whole session")
        print(f"would erase {what} for good, out of {args.id}; add --yes to do it")
        return PROBLEMS
    found = on_store(args, lambda store: _purge(store, args))
    if args.json:
        print(json.dumps(found.as_dict()))
    else:
        plural = "" if found.messages == 1 else "s"
        print(f"{found.messages:,} message{plural} erased; nothing of before is in: {', '.join(found.checked)}")
        for line in found.left:
            print(f"not verified: {line}")
    return OK if found.verified else PROBLEMS


async def _purge(store: Store, args: argparse.Namespace) -> Purged:
    return await store.purge(args.id, message=args.message, branch=args.branch)
