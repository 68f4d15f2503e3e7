"""Delete a session, or a branch of it, which can be brought back. `holdall purge` leaves nothing of either."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from holdall.cli.conversing import add_session, on_store
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.tables import cell

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """What."""
    add_session(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--branch", metavar="NAME", help="only this branch")
    what.add_argument("--restore", metavar="NAME", help="bring this branch back, which was deleted")
    parser.add_argument("--yes", action="store_true", help="do it: nothing brings a session back")


def run(args: argparse.Namespace) -> int:
    """Do it, and print what was done; a session goes with ``--yes`` only."""
    if args.branch is None and args.restore is None and not args.yes:
        print(cell(f"would delete the session {args.id}; add --yes to do it"))
        return PROBLEMS
    done = on_store(args, lambda store: _done(store, args))
    print(json.dumps({"done": done}) if args.json else cell(done))
    return OK


async def _done(store: Store, args: argparse.Namespace) -> str:
    if args.branch is not None:
        await store.delete_branch(args.id, args.branch)
        return f"deleted the branch {args.branch}"
    if args.restore is not None:
        await store.restore_branch(args.id, args.restore)
        return f"brought back the branch {args.restore}"
    await store.delete(args.id)
    return f"deleted the session {args.id}"
