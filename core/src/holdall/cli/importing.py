"""Import transcripts and exports of other programs, or Holdall's own JSONL, plain or gzipped.

`holdall plugins` lists the formats; which one a file has is told by its content.

Importing the same file again, or a longer copy of it, adds only what is new. Lines that cannot be kept are named
with their number and the reason; the rest is kept, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.formats import formats_of
from holdall.cli.parsing import add_plugins
from holdall.cli.running import say
from holdall.cli.tables import counted
from holdall.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from holdall.settings import Settings
    from holdall.transfer.importing import Choices
    from holdall.transfer.report import FileReport
    from holdall.transfer.targets import Target

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which files, into what, as whose."""
    add_plugins(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a transcript; - reads one from standard input")
    parser.add_argument("--format", metavar="NAME", help="a format; `holdall plugins` lists them (default: by content)")
    parser.add_argument("--owner", help="whose the sessions become (default: server.anonymous, or who you are here)")
    parser.add_argument("--project", help="what the sessions belong to")
    parser.add_argument("--title", help="what people call the session (default: its first words)")
    parser.add_argument("--new", action="store_true", help="make new sessions, whatever was imported before")
    parser.add_argument("--server", metavar="URL", help="import through the running server at URL")
    parser.add_argument("--token-env", metavar="NAME", help="the environment variable that holds the server's token")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a file")


def run(args: argparse.Namespace) -> int:
    """Import file after file; one that fails does not stop the others."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    if args.token_env is not None and args.server is None:
        raise SettingsError("--token-env goes with --server")
    with ExitStack() as stack:
        # Before there is an event loop: reading standard input may take long, and must be interruptible.
        paths = {name: stack.enter_context(_readable(name)) for name in args.files}
        return asyncio.run(_run(args, paths))


async def _run(args: argparse.Namespace, paths: Mapping[str, Path]) -> int:
    from holdall.cli.progress import progress  # noqa: PLC0415
    from holdall.transfer.importing import import_file  # noqa: PLC0415

    clean, reached = True, 0
    async with _target(args) as (target, choices):
        with progress(None, "lines") as advance:

            def told(line: int) -> None:
                nonlocal reached
                reached = line
                advance(line, name)

            for name in sorted(args.files, key=_started_by_another):
                reached = 0
                try:
                    report = await import_file(target, paths[name], choices, told)
                except StorageError:
                    if reached:
                        again = "import it again, and it goes on with what is missing"
                        say(f"{name}:{reached}: it stopped about here; {again}")
                    raise
                report.path = name
                clean = clean and report.clean
                _print(report, as_json=args.json)
    return OK if clean else PROBLEMS


def _started_by_another(name: str) -> bool:
    """Whether a file has what an agent of another one did: that comes later, for it is found by what started it."""
    return Path(name).name.startswith("agent-")


@asynccontextmanager
async def _target(args: argparse.Namespace) -> AsyncGenerator[tuple[Target, Choices]]:
    from holdall.transfer.importing import Choices  # noqa: PLC0415

    told: dict[str, Any] = {"format": args.format, "new": args.new}
    told["fields"] = {name: getattr(args, name) for name in ("project", "title")}
    if args.server is not None:
        from holdall.transfer.remote import connected  # noqa: PLC0415

        told["formats"] = formats_of(None, args)
        async with connected(args.server, _token(args.token_env)) as target:
            yield target, Choices(args.owner, adopt=False, **told)
        return
    from holdall import opening  # noqa: PLC0415
    from holdall.transfer.targets import StoreTarget  # noqa: PLC0415

    settings = settings_of(args)
    told["formats"] = formats_of(settings, args)
    async with opening.open_store(settings) as store:
        yield StoreTarget(store), Choices(args.owner, otherwise=_whoever(settings), **told)


def _token(variable: str | None) -> str | None:
    if variable is None:
        return None
    token = os.environ.get(variable)
    if not token:
        raise SettingsError(f"--token-env: the environment variable {variable} is not set")
    return token


def _whoever(settings: Settings) -> str:
    """Whose sessions are when nobody says: whom requests without a token act as, or who runs this."""
    if settings.server.anonymous is not None:
        return settings.server.anonymous
    import getpass  # noqa: PLC0415

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "local"


@contextmanager
def _readable(name: str) -> Generator[Path]:
    """The file called ``name``; standard input is put aside first, because a transcript is read more than once."""
    if name != "-":
        yield Path(name)
        return
    import shutil  # noqa: PLC0415
    import sys  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="holdall-import-") as folder:
        path = Path(folder, "standard-input")
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def _print(report: FileReport, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_dict()), flush=True)
        return
    for fault in report.faults:
        say(f"{report.path}:{fault.line}: {fault.reason}")
    if report.error is not None:
        say(f"{report.path}: {report.error}")
    for session in report.sessions:
        added = session.added
        print(
            f"{report.path}: session {session.session}{' (new)' if session.new else ''}, {session.format}:"
            f" {counted(session.records, 'record')}, {session.present:,} already there; added"
            f" {counted(added['messages'], 'message')}, {counted(added['tools'], 'tool run')},"
            f" {counted(added['originals'], 'original')}{_branches(session.branches)}{_kept_out(session.kept_out)}",
            flush=True,
        )


def _branches(count: int) -> str:
    """Those that were begun, where there are any."""
    if not count:
        return ""
    return f", {count:,} {'branch' if count == 1 else 'branches'}"


def _kept_out(count: int) -> str:
    """Those that are redacted or purged, where there are any."""
    return f"; kept out: {counted(count, 'record')}, redacted or purged since" if count else ""
