"""Put a damaged storage right. Without --apply it only says, for each damage, what would be lost.

Records that cannot be read are replaced by ones that say so; threads and totals are made again from the messages;
everything else stays as it is. Damaged bytes are kept beside the storage's files, in quarantine/. It can be stopped and
run again. Where a backup has the records, restore them instead, first. Stop other processes that have the storage open.
"""

from __future__ import annotations

import argparse
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import counted

if TYPE_CHECKING:
    from holdall.transfer.repairing import Repaired

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Whether to do it, and how to print."""
    add_plugins(parser)
    parser.add_argument(
        "--apply", "--yes", action="store_true", help="do it, instead of only saying what would be lost"
    )
    parser.add_argument(
        "--owner", default="lost-and-found", help="who gets sessions that lost their own record (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Repair, then say what was lost."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    report = asyncio.run(_run(args))
    found = len(report.storage) + len(report.losses) + len(report.again)
    if args.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        for line in (*report.storage, *report.losses, *report.again):
            print(line)
        for line in report.left:
            print(f"not repaired: {line}")
        said = "repaired" if report.applied else "found; nothing is changed without --apply"
        print(f"{counted(found, 'damage')} {said}")
    return PROBLEMS if report.left or (found and not report.applied) else OK


async def _run(args: argparse.Namespace) -> Repaired:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import index_told, opened  # noqa: PLC0415
    from holdall.transfer.repairing import repair  # noqa: PLC0415
    from holdall.transfer.windows import counted_heads  # noqa: PLC0415

    settings = settings_of(args)
    async with AsyncExitStack() as stack:
        storage, codec = await opened(stack, settings)
        with progress(await counted_heads(storage), "partitions") as advance:
            report = await repair(storage, codec, apply=args.apply, owner=args.owner, progress=advance)
    if args.apply:
        await index_told(settings)
    return report
