"""Restore an archive that `holdall backup` wrote into the configured storage, which must be empty; of any kind.

The archive is checked first, and what was restored is read back and compared. Until then the storage cannot be
opened: one that was interrupted is put right by running this again. --verify-only checks the archive and no more.
"""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from holdall.cli.archives import report, summary
from holdall.cli.configuring import settings_of
from holdall.cli.parsing import add_plugins
from holdall.contract import Durability
from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.transfer.archive.lines import Counts
    from holdall.transfer.archive.reading import Reading

__all__ = ["checked", "configure", "run", "said"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which archive, and how to print."""
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, help="what `holdall backup` wrote")
    add_plugins(parser)
    parser.add_argument(
        "--keys", metavar="ARCHIVE", type=Path, help="the archive of data keys that was made of an encrypted store"
    )
    parser.add_argument("--verify-only", action="store_true", help="check the archive, without any storage")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check, restore unless that is all, then say what is there."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    from holdall.transfer.archive.reading import Reading  # noqa: PLC0415

    archive, keys = Reading(args.archive), Reading(args.keys) if args.keys else None
    counts = checked(archive)
    if keys is not None:
        checked(keys)
    if not args.verify_only:
        counts = asyncio.run(_run(args, archive, keys))
    return said(counts, "whole" if args.verify_only else "restored, all read back", as_json=args.json)


def checked(archive: Reading) -> Counts:
    """Read the archive to its end; raises ``Damaged`` with the line that is not as it was written."""
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.transfer.restoring import check  # noqa: PLC0415

    with progress(None, "partitions") as advance:
        return check(archive, advance)


def said(counts: Counts, done: str, *, as_json: bool) -> int:
    """Print what an archive holds and what it lacks; the exit code."""
    whole = counts.as_dict() if as_json else None
    return report(counts, f"{summary(counts)}: {done}", lacks="the archive was made without", as_json=whole)


async def _run(args: argparse.Namespace, archive: Reading, keys: Reading | None) -> Counts:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import index_told, opened  # noqa: PLC0415
    from holdall.opening import abilities_of  # noqa: PLC0415
    from holdall.plugins import Plugins  # noqa: PLC0415
    from holdall.transfer.restoring import restore  # noqa: PLC0415

    settings = settings_of(args)
    if abilities_of(settings, Plugins()).durability is Durability.NONE:
        raise SettingsError(f"nothing would be left: what is in {settings.storage.use!r} goes with this process")
    if keys is None and settings.encryption.use is not None:
        raise SettingsError("encryption is on: --keys must name the archive of data keys that belongs to this one")
    async with AsyncExitStack() as stack:
        storage, _ = await opened(stack, settings, unfinished=True, raw=True)
        total = archive.counts.partitions + (0 if keys is None else keys.counts.partitions)
        with progress(2 * total, "partitions") as advance:
            counts = await restore(archive, storage, advance, keys=keys)
    await index_told(settings)
    return counts
