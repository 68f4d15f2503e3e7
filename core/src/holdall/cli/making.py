"""``holdall plugin new``: write the files, and say what comes next."""

from __future__ import annotations

import argparse
from pathlib import Path

from holdall.cli.exits import OK
from holdall.cli.parsing import Parser
from holdall.cli.scaffold import KINDS, Scaffold
from holdall.errors import PluginError

__all__ = ["configure", "make"]


def configure(parser: Parser) -> None:
    """Which plugin, and what is known of it."""
    parser.add_argument("name", help="what configurations will call it, such as redis")
    parser.add_argument("summary", help="one line about it, such as 'sessions in Redis'")
    parser.add_argument("--kind", choices=list(KINDS), default="storage", help="what it is (default: storage)")
    parser.add_argument("--single-file", action="store_true", help="write NAME.py instead of a package")
    parser.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to (default: here)")


def make(args: argparse.Namespace) -> int:
    """Write what was asked for; nothing is overwritten."""
    plugin = Scaffold(args.name, args.summary, args.kind)
    folder: Path = args.into
    if args.single_file:
        path = folder / f"{plugin.name.replace('-', '_')}.py"
        _write(path, plugin.code())
        print(f"{path}: look for CHANGE in it. As it is, it passes:\n  holdall plugin test {path}")
        return OK
    home = folder / plugin.distribution
    if home.exists():
        raise PluginError(f"{home} is there already")
    for name, text in plugin.files().items():
        _write(home / name, text)
    print(f"{home}: look for CHANGE in src/{plugin.module}/__init__.py. As it is, it passes:")
    print(f"  pip install -e '{home}[test]'\n  holdall plugin test {plugin.name}")
    return OK


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise PluginError(f"{path} is there already") from None
