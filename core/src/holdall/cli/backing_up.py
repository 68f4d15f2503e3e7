"""Write everything in the configured storage to one archive file, while servers go on using it.

Each session is stored as it was at one moment. DEST is a new file; or a folder, for a file in it that is named after
the time, of which --keep leaves the newest. What cannot be read is left out whole and named, and the exit code is 1.

Of an encrypted store the archive holds what is stored, encrypted; it takes no keys to make it. The wrapped data keys
go to an archive of their own (--keys), to be kept elsewhere and no longer than sessions may be brought back: what was
deleted, and whose key is in no such archive any more, nobody can read.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from holdall.cli.archives import report, summary
from holdall.cli.configuring import settings_of
from holdall.cli.parsing import add_plugins, positive
from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.transfer.archive.lines import Counts

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Where to, and how to print."""
    parser.add_argument("destination", metavar="DEST", type=Path, help="a new file, or a folder")
    add_plugins(parser)
    parser.add_argument(
        "--keys",
        metavar="DEST",
        type=Path,
        help="where the data keys of an encrypted store go: a new file, or a folder",
    )
    parser.add_argument(
        "--keep", metavar="N", type=positive, help="afterwards remove all but the newest N archives in the folder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Back up, then say what is in the archive."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line
    import time  # noqa: PLC0415

    from holdall.transfer.archive.shelf import aged, name_of, swept  # noqa: PLC0415

    folder, made = args.destination.is_dir(), time.time_ns() // 1_000_000
    if args.keep and not folder:
        raise SettingsError(f"--keep needs a folder, which {args.destination} is not")
    path: Path = args.destination / name_of(made) if folder else args.destination
    keys: Path | None = args.keys / name_of(made) if args.keys and args.keys.is_dir() else args.keys
    if keys == path:
        raise SettingsError("--keys must name another place than the archive's: the two are kept apart")
    for each in filter(None, (path, keys)):
        swept(each)
    counts = asyncio.run(_run(args, path, keys, made))
    removed = aged(args.destination, args.keep) if args.keep and not counts.left_out else []
    places = {"archive": str(path), "keys": keys and str(keys)}
    whole = {**places, **counts.as_dict(), "removed": [str(old) for old in removed]}
    told = f"{path}: {summary(counts)}; {len(counts.left_out):,} left out"
    return report(counts, told, lacks="left out", as_json=whole if args.json else None)


async def _run(args: argparse.Namespace, path: Path, keys: Path | None, made: int) -> Counts:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import opened  # noqa: PLC0415
    from holdall.sealing.names import STORE, hidden  # noqa: PLC0415
    from holdall.transfer.backing_up import back_up  # noqa: PLC0415
    from holdall.transfer.windows import counted_heads  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        storage, _ = await opened(stack, settings_of(args), raw=True)
        if (await storage.load(STORE) is not None) is (keys is None):
            raise SettingsError(
                "the store is encrypted: --keys must say where the archive of its data keys goes"
                if keys is None
                else "the store is not encrypted: there is nothing for --keys"
            )
        total = await counted_heads(storage) if sys.stderr.isatty() else None  # a walk of its own, for people
        with progress(total, "partitions") as advance:
            counts = await back_up(storage, path, made, advance, lambda name: not hidden(name))
            if keys is not None:  # last: a session that comes meanwhile has its key in it
                counts.left_out += (await back_up(storage, keys, made, advance, hidden)).left_out
            return counts
