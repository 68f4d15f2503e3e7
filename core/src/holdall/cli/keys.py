"""Look after the keys of an encrypted store: which are needed, and changing them while servers run.

    holdall keys            which keys wrap how many data keys
    holdall keys new        print a new key; nothing is stored
    holdall keys rotate     wrap every data key by the current key, so that the old one is needed no more

To change the key, put a new one behind the old one and restart every server, then in front of it and restart them
again; then rotate. When it says that an old key is needed no more, remove it. A command that was stopped is run again.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.parsing import add_plugins
from holdall.cli.running import say
from holdall.cli.tables import counted
from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.settings import Settings
    from holdall.transfer.keys import Keys

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """What to do, and how to print."""
    parser.add_argument("what", nargs="?", choices=("show", "new", "rotate"), default="show")
    add_plugins(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do it, then say which keys are needed."""
    if args.what == "new":
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        print(json.dumps({"key": key}) if args.json else key)
        return OK
    settings = settings_of(args)
    if settings.encryption.keys.use is None:
        raise SettingsError("encryption.keys: it must say where the keys come from (use)")
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    report = asyncio.run(_run(settings, rotating=args.what == "rotate"))
    if args.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        _tell(report, rotated=args.what == "rotate")
    return PROBLEMS if report.problems or (report.old and args.what == "rotate") else OK


def _tell(report: Keys, *, rotated: bool) -> None:
    for problem in report.problems:
        say(problem)
    if rotated:
        print(f"{counted(report.rewrapped, 'data key')} wrapped anew")
    print(f"key {report.current}, the current one: {counted(report.wrapped[report.current], 'data key')}")
    for key, count in report.old.items():
        print(f"key {key}: {counted(count, 'data key')}; keep it")
    if not report.old:
        print("no other key is needed")


async def _run(settings: Settings, *, rotating: bool) -> Keys:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.cli.storages import opened, vault_of  # noqa: PLC0415
    from holdall.clock import SystemClock  # noqa: PLC0415
    from holdall.transfer.keys import rotate, used  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        storage, _ = await opened(stack, settings, raw=True)
        vault = await vault_of(storage, settings, begin=False)
        with progress(None, "data keys") as advance:
            if rotating:
                return await rotate(vault.storage, vault.source, SystemClock(), advance)
            return await used(vault.storage, vault.source, advance)
