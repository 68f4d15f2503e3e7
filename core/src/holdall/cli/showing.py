"""Read a conversation: the latest messages of what it shows, or of a branch, or only some of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from holdall.cli.conversing import add_limit, add_session, bound, on_store, pages, show
from holdall.cli.exits import OK

if TYPE_CHECKING:
    from holdall.sessions.store import Store
    from holdall.sessions.views import Message, Page

__all__ = ["configure", "run"]

_SOME = ("branch", "role", "tool", "since", "until")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which messages."""
    add_session(parser)
    parser.add_argument("--branch", metavar="NAME", help="of this branch (default: what the session shows)")
    parser.add_argument("--role", help="only what they said: user, assistant, tool ...")
    parser.add_argument("--tool", help="only messages that call this tool")
    parser.add_argument("--since", type=bound, metavar="WHEN", help="only from a time on, or after a message")
    parser.add_argument("--until", type=bound, metavar="WHEN", help="only before a time, or a message")
    add_limit(parser)


def run(args: argparse.Namespace) -> int:
    """Print the messages, oldest first."""

    async def read(store: Store, limit: int, before: str | None, after: str | None) -> Page[Message]:
        some = {name: getattr(args, name) for name in _SOME}
        return await store.history(args.id, limit=limit, before=before, after=after, **some)

    show(on_store(args, lambda store: pages(store, args, read)), as_json=args.json)
    return OK
