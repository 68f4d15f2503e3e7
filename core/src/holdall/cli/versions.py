"""Show every version of a message, the newest first."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from holdall.cli.conversing import add_message, add_session, every, on_store, show
from holdall.cli.exits import OK

if TYPE_CHECKING:
    from holdall.sessions.store import Store
    from holdall.sessions.views import Message

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Of which message."""
    add_session(parser)
    add_message(parser)


def run(args: argparse.Namespace) -> int:
    """Print the versions."""

    def versions(store: Store) -> Awaitable[list[Message]]:
        return every(store, lambda limit, cursor: store.versions(args.id, args.message, limit=limit, cursor=cursor))

    show(on_store(args, versions), as_json=args.json)
    return OK
