"""List the threads of a session in the order in which they began, or read the one that a message is in."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import add_limit, add_session, on_store, pages, show, when
from holdall.cli.exits import OK
from holdall.cli.tables import table

if TYPE_CHECKING:
    from holdall.sessions.store import Store
    from holdall.sessions.threads.reading import Thread
    from holdall.sessions.views import Message, Page

__all__ = ["configure", "run"]

_TOLD = 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Of which session, or which thread."""
    add_session(parser)
    parser.add_argument("--of", metavar="MESSAGE", help="read the thread that this message is in")
    add_limit(parser)


def run(args: argparse.Namespace) -> int:
    """Print the threads, or the messages of one."""
    if args.of is not None:
        show(on_store(args, lambda store: pages(store, args, _reading(args))), as_json=args.json)
        return OK

    async def listing(store: Store, limit: int, before: str | None, after: str | None) -> Page[Thread]:
        return await store.threads(args.id, limit=limit, before=before, after=after)

    threads = on_store(args, lambda store: pages(store, args, listing))
    if args.json:
        for thread in threads:
            print(json.dumps(thread.as_dict()))
    elif threads:
        print(table([_row(thread) for thread in threads]))
    return OK


def _reading(args: argparse.Namespace) -> Any:
    async def thread(store: Store, limit: int, before: str | None, after: str | None) -> Page[Message]:
        return await store.thread(args.id, args.of, limit=limit, before=before, after=after)

    return thread


def _row(thread: Thread) -> dict[str, Any]:
    text = thread.root.text
    about = text if len(text) <= _TOLD else f"{text[:_TOLD]}…"
    return {"root": thread.root.id, "replies": thread.replies, "last": when(thread.last.created_at), "about": about}
