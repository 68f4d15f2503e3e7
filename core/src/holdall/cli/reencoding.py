"""Write every old record as the configuration says today: by the compressor, dictionary and cipher that are used now.

What is plaintext is encrypted where encryption is on, and accepts plaintext until then. It may run while others use the
storage, where that is shared. It can be stopped at any point and run again: what is as it should be is left alone.
Clients see no change.
"""

from __future__ import annotations

import argparse
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins
from holdall.cli.running import say
from holdall.cli.tables import counted

if TYPE_CHECKING:
    from holdall.transfer.reencoding import Reencoded

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """How to print."""
    add_plugins(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Sweep, then say what was done."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    report = asyncio.run(_run(args))
    if args.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        for problem in report.problems:
            say(problem)
        if report.encrypted:
            print(f"encrypted {counted(report.encrypted, 'partition')}")
        print(
            f"wrote {report.written:,} of {counted(report.records, 'record')} anew, in {counted(report.partitions, 'partition')};"
            f" {report.before:,} bytes became {report.after:,}; {counted(len(report.problems), 'problem')}"
        )
    return PROBLEMS if report.problems else OK


async def _run(args: argparse.Namespace) -> Reencoded:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import encrypted, opened, prepared  # noqa: PLC0415
    from holdall.transfer.reencoding import reencode  # noqa: PLC0415
    from holdall.transfer.windows import counted_heads  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        settings = settings_of(args)
        below, codec = await opened(stack, settings, raw=True)
        with progress(await counted_heads(below), "partitions to encrypt") as advance:
            newly = await encrypted(below, settings, advance)
        storage = await prepared(below, codec, settings)
        with progress(await counted_heads(storage), "partitions") as advance:
            report = await reencode(storage, codec, advance)
        report.encrypted = newly
        return report
