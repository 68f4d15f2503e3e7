"""Make what a model sees of a session fit a budget of tokens. Every message stays readable.

Says what that leaves; `holdall export` still has everything. Without --budget, [compaction] in the configuration says how much
there is room for.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import on_store
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins, positive

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which session, to how much, and how."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument("--budget", type=positive, metavar="TOKENS", help="the tokens to fit into")
    parser.add_argument("--above", type=positive, metavar="TOKENS", help="only where a model sees more than that")
    parser.add_argument("--branch", metavar="NAME", help="of this branch (default: what the session shows)")
    about = "a compactor, instead of those that are configured; may be repeated"
    parser.add_argument("--use", action="append", metavar="NAME", help=about)
    parser.add_argument("--whole", action="store_true", help="begin again with the whole conversation")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Compact, and say what that came to."""
    done = on_store(args, lambda store: _run(store, args))
    told = {name: getattr(done, name) for name in ("new", "met", "messages", "tokens", "budget")}
    if args.json:
        print(json.dumps({"compaction": None if done.compaction is None else done.compaction.as_dict(), **told}))
    else:
        what = f"compacted by {done.compaction.id}" if done.new else "nothing to do"
        plural = "" if done.messages == 1 else "s"
        print(f"{what}: a model sees {done.messages:,} message{plural}, {done.tokens:,} tokens of {done.budget:,}")
        if not done.met:
            print("that is over the budget: there is nothing left that may be given up")
    return OK if done.met else PROBLEMS


async def _run(store: Store, args: argparse.Namespace) -> Any:
    return await store.compact(
        args.id, budget=args.budget, above=args.above, branch=args.branch, compactors=args.use, whole=args.whole
    )
