"""List the installed plugins from their metadata, describe one, or see that each can be loaded."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from holdall.cli.exits import OK, PROBLEMS
from holdall.cli.running import say
from holdall.cli.tables import cell, table

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which plugin, and what about it."""
    parser.add_argument("name", nargs="?", help="load this plugin and describe what it offers")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--schema", action="store_true", help="print the JSON Schema of the plugin's options")
    what.add_argument("--check", action="store_true", help="load each plugin in a process of its own")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table, one plugin, or the outcome of the check."""
    if args.check:
        return _check(args)
    return _list(args) if args.name is None else _describe(args)


def _list(args: argparse.Namespace) -> int:
    from holdall.cli.formats import own_formats  # noqa: PLC0415 - costs more than the rest of the command line
    from holdall.plugins import installed  # noqa: PLC0415 - as above

    if args.schema:
        from holdall.errors import SettingsError  # noqa: PLC0415

        raise SettingsError("--schema needs the name of a plugin: holdall plugins NAME --schema")
    rows = [
        {"name": found.name, "version": found.version, "package": found.distribution, "summary": found.summary}
        for found in installed()
    ]
    if not rows:
        say("no plugins are installed; to begin with: pip install holdall-file")
    rows += own_formats()
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(table(rows))
    return OK


def _describe(args: argparse.Namespace) -> int:
    from holdall.cli.offers import described, printed  # noqa: PLC0415

    offers = described(args.name)
    if args.schema:
        schemas = {offer["kind"]: offer["schema"] for offer in offers}
        print(json.dumps(next(iter(schemas.values())) if len(schemas) == 1 else schemas, indent=2))
    elif args.json:
        print(json.dumps(offers, indent=2))
    else:
        print("\n\n".join(printed(offer) for offer in offers))
    return OK


def _check(args: argparse.Namespace) -> int:
    from holdall.cli.probing import probe  # noqa: PLC0415
    from holdall.plugins import installed  # noqa: PLC0415

    known = {found.name: found for found in installed()}
    names = [args.name] if args.name else sorted(known)
    outcomes = {name: probe(name) for name in names}
    rows: list[dict[str, Any]] = []
    for name, found in outcomes.items():
        at = known.get(name)
        package = None if at is None else at.distribution
        version = None if at is None else at.version
        rows.append({"name": name, "package": package, "version": version, **asdict(found)})
    print(json.dumps(rows, indent=2) if args.json else "\n".join(map(_line, rows)))
    return PROBLEMS if any(found.error for found in outcomes.values()) else OK


def _line(row: Mapping[str, Any]) -> str:
    """A plugin, and what it offers or what is wrong with it."""
    version = "" if row["version"] in (None, "?") else f" {row['version']}"
    lines = [f"{row['name']}{version}: {row['error'] or 'ok'}"]
    for offer in row["offers"]:
        abilities = "".join(f", {name} {value}" for name, value in offer.get("abilities", {}).items())
        required = offer["schema"].get("required", [])
        options = ", ".join(f"{name} (required)" if name in required else name for name in offer["options"])
        called = "" if offer["name"] == row["name"] else f" {offer['name']!r}"
        lines.append(
            f"  {offer['kind']}{called}, contract {offer['contract']}{abilities}; options: {options or 'none'}"
        )
    if not row["error"] and not row["offers"]:
        lines.append(f"  {', '.join(row['hooks']) or 'implements no hook'}")
    return "\n".join(map(cell, lines))
