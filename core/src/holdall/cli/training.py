"""Train a dictionary on the storage's own records, for the compressor that is configured, and use it from now on.

It is judged by records that it was not made from, and kept only where it does better than the present one. Running
servers use it after their next sweep; `holdall reencode` moves old records to it. No dictionary is ever removed: old
records need theirs. A dictionary holds pieces of the records that it was made from.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import counted
from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.transfer.training import Trained

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which samples, and how to print."""
    add_plugins(parser)
    parser.add_argument("--seed", type=int, help="choose the same samples again")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Train, then say what it is worth."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    seed = time.time_ns() if args.seed is None else args.seed
    report = asyncio.run(_run(args, seed))
    if args.json:
        print(json.dumps({**report.as_dict(), "seed": seed}, indent=2))
        return OK
    present = "" if report.present is None else f", with the present one {report.present:.1%}"
    print(
        f"learned from {counted(report.records, 'record')}, {report.bytes:,} bytes; of records kept back remain"
        f" {report.without:.1%} without a dictionary{present}, with the new one {report.new:.1%}"
    )
    if report.dictionary is None:
        print("the new one is not better, and was not kept")
    else:
        print(f"dictionary {report.dictionary} is used from now on; for what is stored already: holdall reencode")
    return OK


async def _run(args: argparse.Namespace, seed: int) -> Trained:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import opened  # noqa: PLC0415
    from holdall.clock import SystemClock  # noqa: PLC0415
    from holdall.transfer.training import train  # noqa: PLC0415

    settings = settings_of(args)
    if settings.encryption.use is not None and not settings.compression.dictionaries:
        raise SettingsError(
            "compression.dictionaries: with encryption they are used only when this is true, for lengths of"
            " ciphertexts could tell what is in a dictionary"
        )
    if settings.compression.dictionaries is False:
        raise SettingsError("compression.dictionaries is false: a dictionary would not be used")
    async with AsyncExitStack() as stack:
        storage, codec = await opened(stack, settings)
        with progress(None, "sessions") as advance:
            return await train(storage, codec, SystemClock(), seed=seed, progress=advance)
