"""Show what a model should see of a session now: what the newest compaction left, and every message after it."""

from __future__ import annotations

import argparse

from holdall.cli.conversing import add_session, on_store, show
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import positive
from holdall.cli.running import say
from holdall.cli.tables import counted

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Of what, and how much of it."""
    add_session(parser)
    parser.add_argument("--branch", metavar="NAME", help="of this branch (default: what the session shows)")
    parser.add_argument(
        "--budget", type=positive, metavar="TOKENS", help="what of it would fit into so many; nothing is stored"
    )


def run(args: argparse.Namespace) -> int:
    """Print it, and how much it is to standard error; succeeds when it fits."""
    seen = on_store(args, lambda store: store.active_context(args.id, branch=args.branch, budget=args.budget))
    show(seen.messages, as_json=args.json)
    room = "" if seen.tokens is None else f", {seen.tokens:,} tokens of {seen.budget:,}"
    say(f"{counted(len(seen.messages), 'message')}{room}" + ("; the compaction is out of date" if seen.stale else ""))
    return PROBLEMS if seen.met is False else OK
