"""Have a message say that it was redacted, by whom, when and why; `holdall purge` erases it for good."""

from __future__ import annotations

import argparse

from holdall.cli.conversing import add_message, add_session, on_store, show
from holdall.cli.exits import OK

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which message, and what of it."""
    add_session(parser)
    add_message(parser)
    about = "only this part of its content, counted from 0; may be repeated"
    parser.add_argument("--part", type=int, action="append", default=[], metavar="N", help=about)
    parser.add_argument("--reason", help="why, for everybody to read")


def run(args: argparse.Namespace) -> int:
    """Redact it, and print what is left."""
    message = on_store(args, lambda store: store.redact(args.id, args.message, parts=args.part, reason=args.reason))
    show([message], as_json=args.json)
    return OK
