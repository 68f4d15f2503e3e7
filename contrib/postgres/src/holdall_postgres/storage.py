"""The four verbs over a pool of connections."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from zlib import crc32

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from holdall.contract import Address, Commit, Head, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, HoldallError, StorageError, StorageFull, StorageUnavailable
from holdall_postgres import statements
from holdall_postgres.packed import Heads
from holdall_postgres.parameters import parameters_of, parameters_of_spans, parameters_of_walk
from holdall_postgres.schema import migrate
from holdall_postgres.settings import PostgresSettings

__all__ = ["PostgresSessionStorage"]

_SAFE = ("fsync", "full_page_writes", "synchronous_commit")
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
_ATTEMPTS = 20
_PREPARED_AFTER = 5
_UP, _DOWN = (SQL("ASC"), SQL(">")), (SQL("DESC"), SQL("<"))


class PostgresSessionStorage(ISessionStorage):
    """Each verb is one statement in a transaction of its own; the server is the judge of versions."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], settings: PostgresSettings) -> None:
        self._pool = pool
        self._pid = os.getpid()
        self._deadline = settings.deadline
        self._schema = Identifier(settings.schema_name)
        self._queries: dict[tuple[str, bool], bytes] = {}
        self._heads = Heads()

    @classmethod
    async def open(cls, settings: PostgresSettings) -> PostgresSessionStorage:
        """Connect, see that the server keeps what it acknowledges, and bring the tables to this version."""
        pool = AsyncConnectionPool[AsyncConnection[Any]](
            kwargs={
                **settings.connection(),
                "autocommit": True,
                "prepare_threshold": _PREPARED_AFTER if settings.prepare else None,
            },
            min_size=1,
            max_size=settings.connections,
            timeout=settings.deadline,
            open=False,
        )
        storage = cls(pool, settings)
        try:
            await pool.open(wait=True, timeout=settings.deadline)
            async with pool.connection() as connection:
                await _check_safe(connection)
                await migrate(connection, settings.schema_name)
        except BaseException as error:
            await pool.close()
            if isinstance(error, psycopg.Error | PoolTimeout):
                raise _typed(error) from error
            raise
        return storage

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One statement, so one moment."""
        rows = await self._run(statements.LOAD, {"partition": partition.encode(), **parameters_of_spans(spans)})
        found = _snapshots(rows, self._heads)
        return found[0] if found else None

    async def commit(self, commit: Commit) -> None:
        """Compare and move in one statement; it answers when the server has synced it."""
        statement = statements.MOVE if commit.expect else statements.CREATE
        await self._compared(statement, commit.partition, commit.expect, parameters_of(commit))

    async def drop(self, partition: str, *, expect: int) -> None:
        """Compare and remove in one statement."""
        told = {"partition": partition.encode(), "expect": expect}
        await self._compared(statements.DROP, partition, expect, told)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """A walk and all that it reads, of one moment."""
        if scan.limit <= 0:
            return []
        statement = statements.WALK_NAMES if scan.mark is None else statements.WALK_MARK
        told = parameters_of_walk(scan) | parameters_of_spans(scan.spans)
        return _snapshots(await self._run(statement, told, descending=scan.descending), self._heads)

    async def close(self) -> None:
        """Give the connections back."""
        if self._pid == os.getpid():
            await self._pool.close(timeout=self._deadline)

    async def _compared(self, statement: str, partition: str, expect: int, told: Mapping[str, Any]) -> None:
        if await self._run(statement, told):
            return
        found = await self._run(statements.VERSION, {"partition": partition.encode()})
        raise Conflict(partition, expected=expect, found=found[0][0] if found else 0)

    async def _run(self, statement: str, told: Mapping[str, Any], *, descending: bool = False) -> list[Any]:
        """Run one statement, again where the server rolled it back for another's sake."""
        if self._pid != os.getpid():
            raise StorageUnavailable("the storage was opened before the process forked; open it again")
        query = self._query(statement, descending=descending)
        for attempt in range(_ATTEMPTS):
            try:
                return await self._once(query, told)
            except _AGAIN:
                await asyncio.sleep(random.random() * min(attempt + 1, 10) / 1000)  # noqa: S311 - spreads the losers
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                raise _typed(error) from error
        raise StorageUnavailable(f"the server rolled a statement back {_ATTEMPTS} times")

    def _query(self, statement: str, *, descending: bool) -> bytes:
        """The statement as it is sent, put together once."""
        key = statement, descending
        found = self._queries.get(key)
        if found is None:
            words = dict(zip(("order", "beyond"), _DOWN if descending else _UP, strict=True))
            composed = SQL(statement).format(schema=self._schema, **words)  # pyright: ignore[reportArgumentType]
            found = self._queries[key] = composed.as_bytes(None)
        return found

    async def _once(self, query: bytes, told: Mapping[str, Any]) -> list[Any]:
        async with self._pool.connection(timeout=self._deadline) as connection:
            late = asyncio.Event()
            timer = asyncio.get_running_loop().call_later(self._deadline, _cut, connection, late)
            try:
                return await (await connection.execute(query, told, binary=True)).fetchall()
            except psycopg.OperationalError:
                if not late.is_set():
                    raise
                raise StorageUnavailable(f"no answer from the server within {self._deadline:g} s") from None
            finally:
                timer.cancel()


def _cut(connection: AsyncConnection[Any], late: asyncio.Event) -> None:
    """End a connection under a call. Cancelling it would ask the server, which does not answer, and wait for that."""
    late.set()
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


async def _check_safe(connection: AsyncConnection[Any]) -> None:
    """Raise unless the server syncs before it acknowledges."""
    for name in _SAFE:
        found = await (await connection.execute(SQL("SHOW {}").format(Identifier(name)))).fetchone()
        if found is None or found[0] == "off":
            raise StorageUnavailable(f"the server has {name} = off: it would lose what it acknowledged")


def _snapshots(rows: Sequence[Any], heads: Heads) -> list[Snapshot]:
    """The partitions that rows of both kinds tell of, in the order of the walk."""
    found: list[tuple[int, Head]] = []
    records: dict[bytes, dict[Address, bytes]] = {}
    for partition, place, a, b, c, name, data in rows:
        if place is not None:
            records.setdefault(partition, {})
            found.append((place, heads.head(partition, a, b, c, name, data)))
            continue
        if crc32(data) != b:
            raise Damaged(f"{partition.decode()}: record {name.decode()}/{a}", "its checksum is not that of its bytes")
        records.setdefault(partition, {})[name.decode(), a] = data
    found.sort(key=itemgetter(0))
    return [Snapshot(head, records[head.partition.encode()]) for _, head in found]


def _typed(error: BaseException) -> HoldallError:
    """A driver's error as the contract's, without what was sent."""
    if isinstance(error, errors.DiskFull | errors.ConfigurationLimitExceeded):
        return StorageFull("the server has no room")
    lost = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed)
    kind = StorageUnavailable if isinstance(error, lost) else StorageError
    text = str(error).strip().splitlines()
    return kind(f"PostgreSQL: {text[0] if text else type(error).__name__}")
