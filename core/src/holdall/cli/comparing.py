"""Compare two branches: the last message that both have, and what each has after it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import add_session, on_store, show
from holdall.cli.exits import OK
from holdall.cli.parsing import positive
from holdall.cli.tables import cell, counted

if TYPE_CHECKING:
    from holdall.sessions.branches.views import Comparison, Side
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which two."""
    add_session(parser)
    parser.add_argument("branch", metavar="BRANCH", help="one of them")
    parser.add_argument("other", metavar="OTHER", nargs="?", help="the other one (default: the current branch)")
    parser.add_argument("--limit", type=positive, default=20, help="messages of each, at most (default: 20)")


def run(args: argparse.Namespace) -> int:
    """Print where they part, and the messages of each."""

    def compare(store: Store) -> Awaitable[Comparison]:
        limit = min(args.limit, store.engine.policy.max_page)
        return store.compare(args.id, args.branch, args.other, limit=limit)

    found = on_store(args, compare)
    if args.json:
        sides = {name: _side(getattr(found, name)) for name in ("left", "right")}
        print(json.dumps({"ancestor": found.ancestor, **sides}))
        return OK
    print(f"last in common: {found.ancestor or 'nothing'}\n")
    for side in (found.left, found.right):
        _tell(side)
    return OK


def _tell(side: Side) -> None:
    print(cell(f"only in {side.branch}: {counted(side.messages, 'message')}"))
    show(side.page, as_json=False)


def _side(side: Side) -> dict[str, Any]:
    items = [message.fields for message in side.page]
    return {"branch": side.branch, "messages": side.messages, "items": items, "next": side.page.next}
