"""List sessions, most recently active first."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import on_store, when
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins, positive
from holdall.cli.tables import table

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which sessions."""
    add_plugins(parser)
    parser.add_argument("--owner", help="only those of this owner")
    parser.add_argument("--project", help="only those of this project")
    parser.add_argument("--status", choices=["active", "ended"], help="only those in this state")
    parser.add_argument("--tag", help="only those with this tag")
    parser.add_argument("--limit", type=positive, default=50, help="how many at most (default: 50)")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a session")


def run(args: argparse.Namespace) -> int:
    """Print the sessions."""
    sessions = on_store(args, lambda store: _sessions(store, args))
    if args.json:
        for session in sessions:
            print(json.dumps(session))
    elif sessions:
        print(table([_row(session) for session in sessions]))
    return OK


async def _sessions(store: Store, args: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < args.limit:
        size = min(args.limit - len(found), store.engine.policy.max_page)
        filters = {name: getattr(args, name) for name in ("owner", "project", "status", "tag")}
        page = await store.list(**filters, limit=size, cursor=cursor)
        found += [session.as_dict() for session in page.items]
        cursor = page.next
        if cursor is None:
            break
    return found


def _row(session: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": session["id"],
        "owner": session["owner"],
        "active": when(session["active_at"]),
        "messages": session["counts"]["messages"],
        "project": session["project"],
        "title": session["title"],
    }
