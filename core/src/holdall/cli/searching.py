"""Find messages by what they say: words, "phrases", beginnings*; all of it must be in a message."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import moment, on_store, when
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins, positive
from holdall.cli.tables import cell

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]

_FILTERS = ("session", "owner", "project", "tag", "role", "tool", "since", "until", "order")


def configure(parser: argparse.ArgumentParser) -> None:
    """What to look for, and where."""
    add_plugins(parser)
    parser.add_argument("query", metavar="QUERY", nargs="?", help="every message that meets the filters when absent")
    parser.add_argument("--session", help="only in this session")
    parser.add_argument("--owner", help="only in sessions of this owner")
    parser.add_argument("--project", help="only in sessions of this project")
    parser.add_argument("--tag", help="only in sessions with this tag")
    parser.add_argument("--role", help="only what they said: user, assistant, tool ...")
    parser.add_argument("--tool", help="only messages that call this tool")
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="only what was said then (2026-01-31T12:00, local time, or …Z) or later",
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="only what was said before then")
    parser.add_argument(
        "--order", choices=["newest", "best"], default="newest", help="what comes first (default: newest)"
    )
    parser.add_argument("--limit", type=positive, default=20, help="how many at most (default: 20)")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a message")


def run(args: argparse.Namespace) -> int:
    """Print what is found; not finding anything is no failure."""
    matches, complete = on_store(args, lambda store: _matches(store, args))
    for match in matches:
        print(json.dumps(match) if args.json else _shown(match, bright=sys.stdout.isatty()))
    if not complete:
        print("the search index is still being built: older messages may be missing", file=sys.stderr)
    return OK


async def _matches(store: Store, args: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        size = min(args.limit - len(found), store.engine.policy.max_page)
        filters = {name: getattr(args, name) for name in _FILTERS}
        page = await store.search(args.query, **filters, limit=size, cursor=cursor)
        found += [match.as_dict() for match in page.items]
        cursor = page.next
        if cursor is None or len(found) == args.limit:
            return found, page.complete


def _shown(match: dict[str, Any], *, bright: bool) -> str:
    on, off = ("\x1b[1m", "\x1b[0m") if bright else ("", "")
    pieces = (f"{on}{cell(one['text'])}{off}" if one["match"] else cell(one["text"]) for one in match["snippet"])
    head = f"{match['session']} {match['id']}  {when(match['created_at'])}  {match['role']}"
    return f"{head}  {cell(match['title'] or '')}\n    {''.join(pieces)}"
