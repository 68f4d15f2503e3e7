"""Add a message to a conversation: the text given, or what comes from standard input."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from holdall.cli.conversing import add_session, on_store, show
from holdall.cli.exits import OK

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """What, and where to."""
    add_session(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what is said (default: all of standard input)")
    parser.add_argument("--role", default="user", help="who says it (default: user)")
    parser.add_argument("--branch", metavar="NAME", help="to this branch (default: what the session shows)")
    parser.add_argument("--reply-to", metavar="MESSAGE", help="the message that it replies to")
    parser.add_argument("--key", help="with the same key it is stored once, however often it is sent")


def run(args: argparse.Namespace) -> int:
    """Store it, and print it as it was stored."""
    message: dict[str, Any] = {"role": args.role, "content": sys.stdin.read() if args.text is None else args.text}
    if args.reply_to is not None:
        message["reply_to"] = args.reply_to
    stored = on_store(args, lambda store: store.append(args.id, [message], key=args.key, branch=args.branch))
    show(stored.messages, as_json=args.json)
    return OK
