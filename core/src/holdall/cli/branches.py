"""List the branches of a session, by name, or its sub-conversations."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import every, on_store
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import table

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which session, and which of its branches."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument(
        "--deleted", action="store_true", help="those that were deleted, instead of those that are there"
    )
    parser.add_argument("--subs", action="store_true", help="the sub-conversations, instead of the other branches")
    parser.add_argument("--under", metavar="ID", help="the sub-conversations under a message, or under a branch")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a branch")


def run(args: argparse.Namespace) -> int:
    """Print the branches."""
    branches = on_store(args, lambda store: _branches(store, args))
    if args.json:
        for branch in branches:
            print(json.dumps(branch))
    elif branches:
        print(table([_row(branch) for branch in branches]))
    return OK


async def _branches(store: Store, args: argparse.Namespace) -> list[dict[str, Any]]:
    some = {name: getattr(args, name) for name in ("deleted", "subs", "under")}
    found = await every(store, lambda limit, cursor: store.branches(args.id, limit=limit, cursor=cursor, **some))
    return [branch.as_dict() for branch in found]


def _row(branch: dict[str, Any]) -> dict[str, Any]:
    under = branch["under"]
    if under is not None:
        started = {"under": under["message"] or under["branch"], "kind": under["kind"]}
        return {"name": branch["name"], **started, "messages": branch["messages"], "title": branch["title"]}
    named = ("name", "parent", "at", "messages", "title")
    return {"": "*" if branch["current"] else "", **{name: branch[name] for name in named}}
