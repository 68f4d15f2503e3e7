"""The fifty most recent sessions of one owner out of few and many, idle and right after writes: P5."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from pathlib import Path

import msgspec

from holdall import Session, Store
from tests.bench.backends import opened, within
from tests.bench.catalogue import enter
from tests.bench.corpus import message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series, flatness, in_turn
from tests.bench.stores import OWNER, OWNERS, folder_in, populate

PAGE, WRITES = 50, 16


class ListFloor:
    """The same list from an SQLite table in memory that has the right index, its records decoded."""

    def __init__(self, sessions: list[Session]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE TABLE s (owner TEXT, active INTEGER, record BLOB)")
        rows = [(one.owner, one.active_at, msgspec.json.encode(one.as_dict())) for one in sessions]
        self._db.executemany("INSERT INTO s VALUES (?, ?, ?)", rows)
        self._db.execute("CREATE INDEX recent ON s (owner, active DESC, record)")
        self._decode = msgspec.json.Decoder(dict).decode

    async def read(self, _turn: int) -> None:
        """Fifty records."""
        query = "SELECT record FROM s WHERE owner = ? ORDER BY active DESC LIMIT ?"
        for (record,) in self._db.execute(query, (OWNER, PAGE)):
            self._decode(record)

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def run(backend: str, plan: Plan) -> list[Row]:
    """List in turn with the floor. The stores are in memory where there is such a folder: only reading counts."""
    with folder_in(plan.memory or plan.folder) as folder:
        rows = asyncio.run(_measured(backend, plan, folder))
        if backend == "file" and plan.catalogued > max(plan.sessions):
            rows += asyncio.run(_catalogued(backend, plan, folder))
        return rows


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    sizes, left = within(backend, plan.sessions)
    operations: dict[str, Operation] = {}
    async with contextlib.AsyncExitStack() as stack:
        stores: dict[int, tuple[Store, list[Session]]] = {}
        for size in sizes:
            store = await stack.enter_async_context(opened(backend, folder / str(size)))
            stores[size] = store, await populate(store, size)
            operations[str(size)] = _list(store, min(PAGE, size // OWNERS))
        floor = ListFloor(stores[sizes[0]][1])
        operations["floor"] = floor.read
        series = await in_turn(operations, plan.count, plan.seconds / 2)
        reads = {size: operations[str(size)] for size in sizes}
        busy = await _after_writes(reads, {size: sessions for size, (_, sessions) in stores.items()}, plan)
        floor.close()
    rows = [_row(backend, size, "idle", series[str(size)], series["floor"]) for size in sizes]
    rows += [_row(backend, size, f"after {WRITES} writes", busy[size], series["floor"]) for size in sizes]
    if len(sizes) > 1:
        idle = {size: series[str(size)] for size in sizes}
        rows += [_flat(backend, "idle", idle), _flat(backend, f"after {WRITES} writes", busy)]
    return [*rows, *([skipped("list", backend, "sessions", left)] if left else [])]


async def _catalogued(backend: str, plan: Plan, folder: Path) -> list[Row]:
    """The largest store again, with so many more entries in its catalogue, beside the smallest one."""
    few, many = min(plan.sessions), max(plan.sessions)
    await asyncio.to_thread(enter, folder / str(many), plan.catalogued - many)
    async with opened(backend, folder / str(few)) as small, opened(backend, folder / str(many)) as large:
        stores = {few: small, plan.catalogued: large}
        operations = {str(size): _list(store, min(PAGE, few // OWNERS)) for size, store in stores.items()}
        if many != few:
            operations[str(plan.catalogued)] = _list(large, PAGE)
        series = await in_turn(operations, plan.count, plan.seconds / 2)
        idle = {size: series[str(size)] for size in stores}
        newest = {
            size: [one for n in range(OWNERS) for one in await store.list(owner=f"owner-{n}", limit=PAGE)]
            for size, store in stores.items()
        }
        busy = await _after_writes({size: operations[str(size)] for size in stores}, newest, plan)
    rows: list[Row] = []
    for when, found in (("idle", idle), (f"after {WRITES} writes", busy)):
        own = found[plan.catalogued]
        case = f"{PAGE} of {plan.catalogued:,}, {many:,} with logs, {when}"
        rows.append(Row("list", backend, case, own.median, "µs", more=own.numbers()))
        rows.append(_flat(backend, f"in the catalogue, {when}", found))
    return rows


def _list(store: Store, wanted: int) -> Operation:
    async def read(_turn: int) -> None:
        page = await store.list(owner=OWNER, limit=PAGE)
        if len(page) != wanted:
            raise AssertionError(f"a list of {len(page)} sessions, not {wanted}")

    return read


async def _after_writes(reads: dict[int, Operation], stores: dict[int, list[Session]], plan: Plan) -> dict[int, Series]:
    """A list of each store in turn, each time after writes to some of its sessions."""
    rngs, series = {size: random.Random(7) for size in stores}, {size: Series() for size in stores}
    for turn in range(max(3, plan.count // 8)):
        for size, sessions in stores.items():
            chosen = rngs[size].sample(sessions, WRITES)
            await asyncio.gather(*(one.append(message(turn)) for one in chosen))
            await series[size].measure(reads[size], turn)
    return series


def _row(backend: str, size: int, when: str, own: Series, floor: Series) -> Row:
    more = {**own.numbers(), "floor": floor.numbers(samples=False)}
    ratio = own.median / floor.median
    return Row("list", backend, f"{PAGE} of {size:,}, {when}", own.median, "µs", ratio, "SQLite in memory", "", more)


def _flat(backend: str, when: str, series: dict[int, Series]) -> Row:
    few, many = min(series), max(series)
    ratio, note = flatness(series[many], series[few])
    return Row(
        "list", backend, f"{many:,} against {few:,}, {when}", None, "", ratio, f"{few:,} sessions", "P5", note=note
    )
