"""Copy everything from one storage to another, whatever kinds they are; each record is read back and compared.

The source is not changed. A copy that was interrupted is simply run again: what is there already is left alone.
What the target has under the same name but different is named and left as it is, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from holdall.cli.configuring import with_plugins
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins
from holdall.cli.running import say
from holdall.cli.tables import counted
from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.settings import Settings
    from holdall.transfer.copying import Copied, Side

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """From where to where."""
    parser.add_argument("source", metavar="FROM.toml", type=Path, help="the configuration of the storage to read")
    parser.add_argument("target", metavar="TO.toml", type=Path, help="the configuration of the storage to write")
    add_plugins(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Copy, then say what was done."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    report = asyncio.run(_run(args))
    if args.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        for problem in report.problems:
            say(problem)
        print(
            f"copied {counted(report.copied, 'partition')} ({counted(report.records, 'record')}, {report.bytes:,} bytes),"
            f" all read back; {report.present:,} already there; {counted(len(report.problems), 'problem')}"
        )
    return PROBLEMS if report.problems else OK


async def _run(args: argparse.Namespace) -> Copied:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import index_told  # noqa: PLC0415
    from holdall.settings import read_settings  # noqa: PLC0415
    from holdall.transfer.copying import copy  # noqa: PLC0415
    from holdall.transfer.windows import counted_heads  # noqa: PLC0415

    source, target = (with_plugins(read_settings(path), args) for path in (args.source, args.target))
    if source.storage == target.storage:
        raise SettingsError(f"{args.source} and {args.target} name the same storage")
    async with AsyncExitStack() as stack:
        reading, writing = await _side(stack, source), await _side(stack, target)
        with progress(await counted_heads(reading.storage), "partitions") as advance:
            report = await copy(reading, writing, advance)
    await index_told(target)
    return report


async def _side(stack: AsyncExitStack, settings: Settings) -> Side:
    from holdall.cli.storages import opened  # noqa: PLC0415
    from holdall.transfer.copying import Side  # noqa: PLC0415

    storage, codec = await opened(stack, settings)
    return Side(storage, codec)
