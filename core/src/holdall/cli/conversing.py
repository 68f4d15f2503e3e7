"""What the commands about one conversation have in common: its session, how much of it, and how a message is shown."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from holdall.cli.configuring import settings_of
from holdall.cli.parsing import add_plugins, positive
from holdall.cli.tables import cell

if TYPE_CHECKING:
    from holdall.sessions.store import Store
    from holdall.sessions.views import Message, Page

__all__ = ["add_limit", "add_message", "add_session", "bound", "every", "moment", "on_store", "pages", "show", "when"]

T = TypeVar("T")
_MESSAGE, _PAGE = "msg_", 100


class Reading(Protocol[T]):
    """Reads one page, of at most so many, beside a cursor."""

    async def __call__(self, store: Store, limit: int, before: str | None, after: str | None, /) -> Page[T]:
        """The page."""
        ...


def add_session(parser: argparse.ArgumentParser) -> None:
    """The session that a command is about, and how it answers."""
    add_plugins(parser)
    parser.add_argument("id", metavar="ID", help="the session; `holdall list` shows them")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_message(parser: argparse.ArgumentParser) -> None:
    """The message of that session."""
    parser.add_argument("message", metavar="MESSAGE", help="its id; `holdall show` has them")


def add_limit(parser: argparse.ArgumentParser) -> None:
    """How much of a list, and where in it."""
    around = parser.add_mutually_exclusive_group()
    around.add_argument("--before", metavar="ID", help="those that come before this one")
    around.add_argument("--after", metavar="ID", help="those that come after this one")
    parser.add_argument("--limit", type=positive, default=20, help="how many at most (default: 20)")


def on_store(args: argparse.Namespace, call: Callable[[Store], Awaitable[T]]) -> T:
    """What ``call`` answers, given the store of the configuration."""
    import asyncio  # noqa: PLC0415 - costs more than the rest of the command line

    from holdall import opening  # noqa: PLC0415

    async def work() -> T:
        async with opening.open_store(settings_of(args)) as store:
            return await call(store)

    return asyncio.run(work())


async def pages(store: Store, args: argparse.Namespace, read: Reading[T]) -> list[T]:
    """As many as ``add_limit`` was told of, whatever the size of a page."""
    found: list[T] = []
    before, after = args.before, args.after
    while True:
        page = await read(store, min(args.limit - len(found), store.engine.policy.max_page), before, after)
        if args.after is None:
            found, before = [*page, *found], page.previous
        else:
            found, after = [*found, *page], page.next
        if len(found) >= args.limit or (before if args.after is None else after) is None:
            return found


async def every(store: Store, read: Callable[[int, str | None], Awaitable[Page[T]]]) -> list[T]:
    """All that a list has, whose pages of at most so many are named by cursors."""
    found: list[T] = []
    cursor: str | None = None
    while True:
        page = await read(min(_PAGE, store.engine.policy.max_page), cursor)
        found += page
        cursor = page.next
        if cursor is None:
            return found


def moment(text: str) -> int:
    """A time as people write it, in milliseconds."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"must be a time such as 2026-01-31T12:00, not {text!r}") from None


def bound(text: str) -> int | str:
    """A time, or the id of a message."""
    return text if text.startswith(_MESSAGE) else moment(text)


def when(milliseconds: int) -> str:
    """A time as people read it, in their own zone."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def show(messages: Iterable[Message], *, as_json: bool) -> None:
    """Print messages, in their order: as JSON, one line each, or to be read."""
    for message in messages:
        print(json.dumps(message.fields) if as_json else _shown(message))


def _shown(message: Message) -> str:
    from holdall.formats.markdown import blocks  # noqa: PLC0415 - not for those who want JSON

    facts = [message.id, when(message.created_at), message.role]
    facts += [message[name] for name in ("name", "model") if message.get(name)]
    edited = message.get("edited")
    if edited:
        facts.append(f"version {edited['version']} by {edited['by']}")
    said = "\n\n".join(blocks(message)) or "(empty)"
    lines = "\n".join(cell(line) for line in said.splitlines())
    return f"{cell('  '.join(facts))}\n{textwrap.indent(lines, '    ')}\n"
