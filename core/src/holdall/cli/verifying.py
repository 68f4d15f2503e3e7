"""Read everything in a storage and name what is wrong with it: missing or unreadable records, marks that disagree.

Threads and totals of sessions are held against their messages, too.

With an ARCHIVE, read that instead, without any storage: is every byte as `holdall backup` wrote it?
One line a problem. What the storage itself notes meanwhile, such as where it keeps a copy, is among what --json prints;
what it put right when it was opened, after an unclean stop, is also told on stderr.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from holdall.cli.archives import summary
from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import counted
from holdall.errors import Damaged

if TYPE_CHECKING:
    from holdall.transfer.verifying import Verified

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """What to read, and how to print."""
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, nargs="?", help="a backup, instead of the storage")
    add_plugins(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Verify, then say what was found."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    if args.archive is not None:
        return _archive(args)
    with _noted() as notes:
        report = asyncio.run(_run(args, notes))
    if args.json:
        print(json.dumps({**report.as_dict(), "notes": notes}, indent=2))
    else:
        for problem in report.problems:
            print(problem)
        print(f"{summary(report)}; {counted(len(report.problems), 'problem')}")
    return PROBLEMS if report.problems else OK


def _archive(args: argparse.Namespace) -> int:
    from holdall.cli.restoring import checked, said  # noqa: PLC0415
    from holdall.transfer.archive.reading import Reading  # noqa: PLC0415

    try:
        counts = checked(Reading(args.archive))
    except Damaged as damage:
        print(json.dumps({"problems": [str(damage)]}, indent=2) if args.json else damage)
        return PROBLEMS
    return said(counts, "whole", as_json=args.json)


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


async def _run(args: argparse.Namespace, notes: list[str]) -> Verified:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import opened  # noqa: PLC0415
    from holdall.transfer.verifying import verify  # noqa: PLC0415
    from holdall.transfer.windows import counted_heads  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        storage, codec = await opened(stack, settings_of(args))
        for note in () if args.json else notes:
            print(note, file=sys.stderr)
        with progress(await counted_heads(storage), "partitions") as advance:
            return await verify(storage, codec, advance)
