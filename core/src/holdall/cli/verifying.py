"""Read everything in a storage and name what is wrong with it: missing or unreadable records, marks that disagree.

One line a problem. What the storage itself notes meanwhile, such as where it keeps a copy, is among what --json prints.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import counted

if TYPE_CHECKING:
    from holdall.transfer.verifying import Verified

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """How to print."""
    add_plugins(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Verify, then say what was found."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    with _noted() as notes:
        report = asyncio.run(_run(args))
    if args.json:
        print(json.dumps({**report.as_dict(), "notes": notes}, indent=2))
    else:
        for problem in report.problems:
            print(problem)
        print(
            f"{counted(report.partitions, 'partition')}, {report.sessions:,} of them sessions;"
            f" {counted(report.records, 'record')}, {report.bytes:,} bytes; {counted(len(report.problems), 'problem')}"
        )
    return PROBLEMS if report.problems else OK


@contextmanager
def _noted() -> Generator[list[str]]:
    """What is logged, kept apart: the report says what is wrong, and says it once."""
    notes: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: notes.append(record.getMessage())
    logger = logging.getLogger("holdall")
    logger.addHandler(handler)
    try:
        yield notes
    finally:
        logger.removeHandler(handler)


async def _run(args: argparse.Namespace) -> Verified:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import opened  # noqa: PLC0415
    from holdall.transfer.verifying import verify  # noqa: PLC0415
    from holdall.transfer.windows import counted_heads  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        storage, codec = await opened(stack, settings_of(args))
        with progress(await counted_heads(storage), "partitions") as advance:
            return await verify(storage, codec, advance)
