"""What the messages of a session come to, and those of each of its branches."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from holdall.cli.conversing import every, on_store
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import table

if TYPE_CHECKING:
    from holdall.sessions.store import Store

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a branch, the session last")


def run(args: argparse.Namespace) -> int:
    """Print the totals of each branch, and of the session: there every message is counted once."""
    found = on_store(args, lambda store: _totals(store, args))
    if args.json:
        for each in found:
            print(json.dumps(each))
    else:
        print(table([_row(each) for each in found]))
    return OK


async def _totals(store: Store, args: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for branch in await every(store, lambda limit, cursor: store.branches(args.id, limit=limit, cursor=cursor)):
        told = await store.totals(args.id, branch.name)
        found.append({"branch": branch.name, **told.totals.as_dict()})
    whole = await store.totals(args.id)
    return [*found, {"branch": None, **whole.totals.as_dict()}]


def _row(totals: dict[str, Any]) -> dict[str, Any]:
    named = ("messages", "input_tokens", "output_tokens", "cached_tokens")
    roles = ", ".join(f"{number} {role}" for role, number in totals["roles"].items())
    told = {name.replace("_tokens", ""): totals[name] for name in named}
    cost, seconds = f"{totals['cost_usd']:.4f}", f"{totals['latency_ms'] / 1000:.1f}"
    return {"branch": totals["branch"] or "(session)", **told, "USD": cost, "s": seconds, "roles": roles}
