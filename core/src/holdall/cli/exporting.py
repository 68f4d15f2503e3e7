"""Write one session in a format: everything, the conversation to be read, or the records it was imported from."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from holdall.cli.configuring import settings_of
from holdall.cli.exits import OK
from holdall.cli.formats import formats_of
from holdall.cli.parsing import add_plugins

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which session, how, where to."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    about = "a format; `holdall plugins` lists them (default: jsonl, which can be imported again)"
    parser.add_argument("--format", metavar="NAME", default="jsonl", help=about)
    parser.add_argument(
        "--branch", metavar="NAME", help="the messages of this branch (default: what the session shows)"
    )
    parser.add_argument(
        "--branches", choices=["all"], help="the messages of all branches, with earlier versions; not for every format"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: standard output)")


def run(args: argparse.Namespace) -> int:
    """Stream the session."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    asyncio.run(_run(args))
    return OK


async def _run(args: argparse.Namespace) -> None:
    from holdall import opening  # noqa: PLC0415
    from holdall.formats import export  # noqa: PLC0415

    settings = settings_of(args)
    formats = formats_of(settings, args, writes=True)
    async with opening.open_store(settings) as store:
        every = args.branches == "all"
        pieces = export(store, args.id, args.format, args.branch, every=every, formats=formats)
        first = await anext(pieces, b"")  # before a file is made for a session that is not there
        with _output(args.output) as out:
            out.write(first)
            async for piece in pieces:
                out.write(piece)


@contextmanager
def _output(path: Path | None) -> Generator[IO[bytes]]:
    """Standard output, or a file that appears under its name only when it is whole."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        if error.filename == str(part):  # a name that nobody gave
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        part.unlink(missing_ok=True)
