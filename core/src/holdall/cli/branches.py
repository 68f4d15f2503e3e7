"""List the branches of a session, by name, or its sub-conversations."""

from __future__ import annotations

import argparse
import json
from typing import Any

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import table

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
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    branches = asyncio.run(_branches(args))
    if args.json:
        for branch in branches:
            print(json.dumps(branch))
    elif branches:
        print(table([_row(branch) for branch in branches]))
    return OK


async def _branches(args: argparse.Namespace) -> list[dict[str, Any]]:
    from holdall import opening  # noqa: PLC0415

    found: list[dict[str, Any]] = []
    async with opening.open_store(settings_of(args)) as store:
        size, cursor = min(100, store.engine.policy.max_page), None
        while True:
            page = await store.branches(
                args.id, limit=size, cursor=cursor, deleted=args.deleted, subs=args.subs, under=args.under
            )
            found += [branch.as_dict() for branch in page]
            cursor = page.next
            if cursor is None:
                return found


def _row(branch: dict[str, Any]) -> dict[str, Any]:
    under = branch["under"]
    if under is not None:
        started = {"under": under["message"] or under["branch"], "kind": under["kind"]}
        return {"name": branch["name"], **started, "messages": branch["messages"], "title": branch["title"]}
    named = ("name", "parent", "at", "messages", "title")
    return {"": "*" if branch["current"] else "", **{name: branch[name] for name in named}}
