"""Follow a session: every change to it as it happens, a line of JSON each."""

from __future__ import annotations

import argparse
import json

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which session, and from where on."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument(
        "--after", metavar="EVENT", help="what came after the event of this id; 0: everything that is kept"
    )


def run(args: argparse.Namespace) -> int:
    """Print what happens, until the session ends."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    asyncio.run(_follow(args))
    return OK


async def _follow(args: argparse.Namespace) -> None:
    from holdall import opening  # noqa: PLC0415

    async with opening.open_store(settings_of(args)) as store:
        async for change in store.follow(args.id, args.after):
            print(json.dumps(change.as_dict()), flush=True)
