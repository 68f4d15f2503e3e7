"""What the messages of a session come to, and those of each of its branches."""

from __future__ import annotations

import argparse
import json
from typing import Any

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import table

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a branch, the session last")


def run(args: argparse.Namespace) -> int:
    """Print the totals of each branch, and of the session: there every message is counted once."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    found = asyncio.run(_totals(args))
    if args.json:
        for each in found:
            print(json.dumps(each))
    else:
        print(table([_row(each) for each in found]))
    return OK


async def _totals(args: argparse.Namespace) -> list[dict[str, Any]]:
    from holdall import opening  # noqa: PLC0415

    found: list[dict[str, Any]] = []
    async with opening.open_store(settings_of(args)) as store:
        size, cursor = min(100, store.engine.policy.max_page), None
        while True:
            page = await store.branches(args.id, limit=size, cursor=cursor)
            for branch in page:
                told = await store.totals(args.id, branch.name)
                found.append({"branch": branch.name, **told.totals.as_dict()})
            cursor = page.next
            if cursor is None:
                break
        whole = await store.totals(args.id)
    return [*found, {"branch": None, **whole.totals.as_dict()}]


def _row(totals: dict[str, Any]) -> dict[str, Any]:
    named = ("messages", "input_tokens", "output_tokens", "cached_tokens")
    roles = ", ".join(f"{number} {role}" for role, number in totals["roles"].items())
    told = {name.replace("_tokens", ""): totals[name] for name in named}
    cost, seconds = f"{totals['cost_usd']:.4f}", f"{totals['latency_ms'] / 1000:.1f}"
    return {"branch": totals["branch"] or "(session)", **told, "USD": cost, "s": seconds, "roles": roles}
