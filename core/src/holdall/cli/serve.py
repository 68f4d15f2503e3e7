"""Serve the HTTP API until interrupted."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from holdall.cli.configuring import settings_of, with_server
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.trying import first_lines
from holdall.errors import SettingsError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags that override ``[server]``."""
    add_plugins(parser)
    parser.add_argument("--host", help="the address to listen on")
    parser.add_argument("--port", type=int, help="the port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=int, help="how many processes serve")
    parser.add_argument("--try", dest="first_steps", action="store_true", help="print lines to paste, to try it out")


def run(args: argparse.Namespace) -> int:
    """Read the configuration, then hand over to ``holdall-server``."""
    settings = settings_of(args)
    names = ("host", "port", "workers")
    changes: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if changes:
        settings = with_server(settings, changes)
    try:
        server_package: Any = importlib.import_module("holdall_server")
    except ModuleNotFoundError as error:
        if error.name != "holdall_server":
            raise
        raise SettingsError("serving needs the package holdall-server: pip install holdall-server") from None
    welcome = first_lines(settings) if args.first_steps else None
    served = server_package.serve(settings, welcome=welcome)
    return served if isinstance(served, int) else OK
