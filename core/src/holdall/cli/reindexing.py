"""Make the search index anew from what is stored. It goes on being used meanwhile, by other processes, too."""

from __future__ import annotations

import argparse

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Nothing but where the store is."""
    add_plugins(parser)


def run(args: argparse.Namespace) -> int:
    """Make it, and say so."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    asyncio.run(_reindex(args))
    print("the search index has everything")
    return OK


async def _reindex(args: argparse.Namespace) -> None:
    from holdall import opening  # noqa: PLC0415

    async with opening.open_store(settings_of(args)) as store:
        await store.reindex()
