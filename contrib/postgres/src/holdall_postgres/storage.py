"""The four verbs over a pool of connections."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.sql import SQL, Composed, Identifier
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from holdall.contract import Address, Commit, Head, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, HoldallError, StorageError, StorageFull, StorageUnavailable
from holdall_postgres import statements
from holdall_postgres.parameters import parameters_of, parameters_of_spans, parameters_of_walk
from holdall_postgres.schema import migrate
from holdall_postgres.settings import PostgresSettings

__all__ = ["PostgresSessionStorage"]

_SAFE = ("fsync", "full_page_writes", "synchronous_commit")
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
_ATTEMPTS = 20


class PostgresSessionStorage(ISessionStorage):
    """Each verb is one statement in a transaction of its own; the server is the judge of versions."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], settings: PostgresSettings) -> None:
        self._pool = pool
        self._pid = os.getpid()
        self._deadline = settings.deadline
        self._schema = Identifier(settings.schema_name)

    @classmethod
    async def open(cls, settings: PostgresSettings) -> PostgresSessionStorage:
        """Connect, see that the server keeps what it acknowledges, and bring the tables to this version."""
        pool = AsyncConnectionPool[AsyncConnection[Any]](
            kwargs={**settings.connection(), "autocommit": True, "prepare_threshold": None},
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
        found = _snapshots(rows)
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
        words = (
            {"order": SQL("DESC"), "beyond": SQL("<")} if scan.descending else {"order": SQL("ASC"), "beyond": SQL(">")}
        )
        return _snapshots(
            await self._run(statement, parameters_of_walk(scan) | parameters_of_spans(scan.spans), **words)
        )

    async def close(self) -> None:
        """Give the connections back."""
        if self._pid == os.getpid():
            await self._pool.close(timeout=self._deadline)

    async def _compared(self, statement: str, partition: str, expect: int, told: Mapping[str, Any]) -> None:
        if await self._run(statement, told):
            return
        found = await self._run(statements.VERSION, {"partition": partition.encode()})
        raise Conflict(partition, expected=expect, found=found[0][0] if found else 0)

    async def _run(self, statement: str, told: Mapping[str, Any], **words: SQL) -> list[Any]:
        """Run one statement, again where the server rolled it back for another's sake."""
        if self._pid != os.getpid():
            raise StorageUnavailable("the storage was opened before the process forked; open it again")
        query = SQL(statement).format(schema=self._schema, **words)  # pyright: ignore[reportArgumentType]
        for attempt in range(_ATTEMPTS):
            try:
                return await self._once(query, told)
            except _AGAIN:
                await asyncio.sleep(random.random() * min(attempt + 1, 10) / 1000)  # noqa: S311 - spreads the losers
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                raise _typed(error) from error
        raise StorageUnavailable(f"the server rolled a statement back {_ATTEMPTS} times")

    async def _once(self, query: Composed, told: Mapping[str, Any]) -> list[Any]:
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


def _snapshots(rows: Sequence[Any]) -> list[Snapshot]:
    """The partitions that rows of every kind tell of, in the order of the walk."""
    heads: dict[bytes, tuple[int, int, int | None]] = {}
    lanes: dict[bytes, dict[str, Lane]] = {}
    marks: dict[bytes, dict[str, int]] = {}
    records: dict[bytes, dict[Address, bytes]] = {}
    places: dict[bytes, int] = {}
    for kind, partition, name, a, b, c, data in rows:
        if kind == 0:
            heads[partition] = a, b, c
        elif kind == 1:
            lanes.setdefault(partition, {})[name.decode()] = Lane(a, b, c)
        elif kind == 2:  # noqa: PLR2004 - the kinds of statements.py
            marks.setdefault(partition, {})[name.decode()] = a
        elif kind == 3:  # noqa: PLR2004
            if crc32(data) != b:
                raise Damaged(
                    f"{partition.decode()}: record {name.decode()}/{a}", "its checksum is not that of its bytes"
                )
            records.setdefault(partition, {})[name.decode(), a] = data
        else:
            places[partition] = a
    return [
        Snapshot(Head(name.decode(), *heads[name], lanes.get(name, {}), marks.get(name, {})), records.get(name, {}))
        for name in sorted(heads, key=places.__getitem__)
    ]


def _typed(error: BaseException) -> HoldallError:
    """A driver's error as the contract's, without what was sent."""
    if isinstance(error, errors.DiskFull | errors.ConfigurationLimitExceeded):
        return StorageFull("the server has no room")
    lost = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed)
    kind = StorageUnavailable if isinstance(error, lost) else StorageError
    text = str(error).strip().splitlines()
    return kind(f"PostgreSQL: {text[0] if text else type(error).__name__}")
