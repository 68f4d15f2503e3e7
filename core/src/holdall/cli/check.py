"""Check a configuration without starting it: what is loaded, what it promises, where it listens."""

from __future__ import annotations

import argparse
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from holdall.cli.configuring import config_path, settings_of
from holdall.cli.exits import OK
from holdall.cli.parsing import add_plugins
from holdall.cli.tables import pairs

if TYPE_CHECKING:
    from holdall.settings import Settings

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """What to print instead of the check."""
    add_plugins(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--example", action="store_true", help="print an example configuration")
    what.add_argument(
        "--schema",
        nargs="?",
        const="Settings",
        metavar="MODEL",
        help="print the JSON Schema of the configuration, or of the model named: NewSession, NewMessage, SessionRecord …",
    )
    about = (
        "also open what it names, and close it: storage, keys, search index, tokenizer, compactors, summariser; nothing is "
        "written but what opening writes (a folder that is missing)"
    )
    parser.add_argument("--open", action="store_true", help=about)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check, or print what was asked for."""
    if args.example:
        from holdall.cli.example import EXAMPLE  # noqa: PLC0415

        print(EXAMPLE, end="")
        return OK
    if args.schema is not None:
        from holdall.cli.schemas import schema  # noqa: PLC0415

        print(json.dumps(schema(args.schema), indent=2))
        return OK
    settings = settings_of(args)
    from holdall.cli.deployment import examined  # noqa: PLC0415

    path = config_path(args)
    facts = {"configuration": str(path) if path else "the environment", **examined(settings)}
    if args.open:
        facts["opened"] = _opened(settings)
    verdict = "ok, but not to serve" if "note" in facts else "ok"
    print(json.dumps(facts, indent=2) if args.json else f"{pairs(facts)}\n{verdict}")
    return OK


def _opened(settings: Settings) -> str:
    """Open what the configuration names and close it, and say what that was; raises what keeps it from being opened."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    from holdall import opening  # noqa: PLC0415 - as above
    from holdall.cli.storages import opened  # noqa: PLC0415 - as above
    from holdall.condensing import open_condensing  # noqa: PLC0415 - as above
    from holdall.indexing import configured_index  # noqa: PLC0415 - as above
    from holdall.plugins import Plugins  # noqa: PLC0415 - as above

    plugins = Plugins()
    opening.load_named(settings, plugins)

    async def once() -> list[str]:
        async with AsyncExitStack() as stack:
            await opened(stack, settings)
            names = ["storage", *(["keys"] if settings.encryption.keys.use else [])]
            if settings.search.use is not None:
                stack.push_async_callback((await configured_index(settings, plugins)).close)
                names.append("search index")
            return [*names, *open_condensing(settings, plugins)]

    return f"{', '.join(asyncio.run(once()))}; and closed again"
