"""Summarise messages of a session, and keep the summary beside them; or list the summaries that there are."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import on_store
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins, positive
from holdall.cli.tables import cell

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Of which session which messages, and how."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument("--list", action="store_true", help="print the summaries that there are, and make none")
    parser.add_argument("--first", metavar="MESSAGE", help="the first message (default: the session's first)")
    parser.add_argument("--last", metavar="MESSAGE", help="the last message (default: the latest that is shown)")
    parser.add_argument("--branch", metavar="NAME", help="of this branch (default: what the session shows)")
    parser.add_argument("--tokens", type=positive, metavar="N", help="how many tokens it may have")
    parser.add_argument("--use", metavar="NAME", help="the summariser (default: the one that is configured)")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a summary")


def run(args: argparse.Namespace) -> int:
    """Print the new summary, or all."""
    for summary in on_store(args, lambda store: _run(store, args)):
        if args.json:
            print(json.dumps(summary))
        else:
            mark = " (stale)" if summary["stale"] else ""
            print(f"{summary['id']}: {summary['first']} to {summary['last']}{mark}")
            print("\n".join(map(cell, summary["text"].splitlines())))
    return OK


async def _run(store: Store, args: argparse.Namespace) -> list[dict[str, Any]]:
    if not args.list:
        asked = {"first": args.first, "last": args.last, "branch": args.branch, "tokens": args.tokens}
        return [(await store.summarise(args.id, **asked, summariser=args.use)).as_dict()]
    found: list[dict[str, Any]] = []
    page = await store.summaries(args.id)
    while True:
        found[:0] = [one.as_dict() for one in page.items]
        if page.previous is None:
            return found
        page = await store.summaries(args.id, before=page.previous)
