"""What PostgreSQL does when it is cut off, stopped, old, new or careless.

Covers ST-04.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.sql import SQL, Identifier

from holdall.contract import Commit, Lane, Scan, Span
from holdall.errors import Conflict, Damaged, StorageError, StorageUnavailable
from holdall_postgres import PostgresSessionStorage, PostgresSettings, schema, statements
from holdall_postgres.parameters import parameters_of_spans, parameters_of_walk
from holdall_postgres.schema import MIGRATIONS

SCHEMA = "tested"


@pytest.fixture
def settings(server: str) -> PostgresSettings:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    return PostgresSettings(dsn=server, schema_name=SCHEMA, deadline=3, connections=2)


@pytest.fixture
async def storage(settings: PostgresSettings) -> AsyncIterator[PostgresSessionStorage]:
    opened = await PostgresSessionStorage.open(settings)
    yield opened
    await opened.close()


def put(version: int, expect: int = 0, data: bytes = b"x") -> Commit:
    at = version - 1
    return Commit("p", expect, version, version, {"a": Lane(0, version)}, {"m": version}, None, {("a", at): data})


def sql(settings: PostgresSettings, text: str, *values: Any) -> list[Any]:
    with psycopg.connect(settings.dsn, autocommit=True) as connection:
        found = connection.execute(SQL(text).format(schema=Identifier(SCHEMA)), values)
        return found.fetchall() if found.description else []


async def test_the_tables_are_made_once_and_kept(settings: PostgresSettings) -> None:
    """Each migration is applied once, whoever opens the store, and however often."""
    for version in (1, 2):
        storage = await PostgresSessionStorage.open(settings)
        await storage.commit(put(version, version - 1))
        await storage.close()
    assert sql(settings, "SELECT version FROM {schema}.migrations") == [(version,) for version, _ in MIGRATIONS]


async def test_a_newer_schema_is_refused(settings: PostgresSettings) -> None:
    await (await PostgresSessionStorage.open(settings)).close()
    sql(settings, "INSERT INTO {schema}.migrations VALUES (999)")
    with pytest.raises(StorageError, match=r"of version 999.*upgrade"):
        await PostgresSessionStorage.open(settings)


async def test_a_store_of_version_1_is_brought_to_this_one(
    settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is in it, while a process of the old version goes on using it."""
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS[:1])
    old = await PostgresSessionStorage.open(settings)
    await old.commit(put(1))
    monkeypatch.undo()
    new = await PostgresSessionStorage.open(settings)
    assert sql(settings, "SELECT version FROM {schema}.migrations") == [(version,) for version, _ in MIGRATIONS]
    await old.commit(put(2, 1))
    await new.commit(put(3, 2))
    for storage in (old, new):
        found = await storage.load("p", Span("a"))
        assert found is not None
        assert len(found.records) == found.head.version == 3
        await storage.close()


async def test_a_migration_that_fails_changes_nothing(
    settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await PostgresSessionStorage.open(settings)).close()
    broken = (99, "ALTER TABLE heads ADD COLUMN half int; SELECT 1/0")
    monkeypatch.setattr(schema, "MIGRATIONS", [*MIGRATIONS, broken])
    with pytest.raises(StorageError, match="division by zero"):
        await PostgresSessionStorage.open(settings)
    monkeypatch.undo()
    columns = sql(settings, "SELECT column_name FROM information_schema.columns WHERE table_schema = %s", SCHEMA)
    assert ("half",) not in columns
    await (await PostgresSessionStorage.open(settings)).close()


async def test_many_that_open_an_empty_database_at_once_make_one_schema(settings: PostgresSettings) -> None:
    opened = await asyncio.gather(*(PostgresSessionStorage.open(settings) for _ in range(6)))
    assert sql(settings, "SELECT version FROM {schema}.migrations") == [(version,) for version, _ in MIGRATIONS]
    for storage in opened:
        await storage.close()


async def test_who_only_uses_a_store_needs_no_right_to_make_one(settings: PostgresSettings) -> None:
    """Migrations may be run by an administrator, by opening the store once."""
    await (await PostgresSessionStorage.open(settings)).close()
    sql(settings, "DROP ROLE IF EXISTS holdall_user")
    sql(settings, "CREATE ROLE holdall_user LOGIN")
    sql(settings, "REVOKE CREATE ON DATABASE postgres FROM PUBLIC")
    sql(settings, "GRANT USAGE ON SCHEMA {schema} TO holdall_user")
    sql(settings, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO holdall_user")
    other = conninfo_to_dict(settings.dsn) | {"user": "holdall_user"}
    storage = await PostgresSessionStorage.open(settings.model_copy(update={"dsn": make_conninfo(**other)}))
    await storage.commit(put(1))
    await storage.close()
    sql(settings, "DROP OWNED BY holdall_user")
    sql(settings, "DROP ROLE holdall_user")


async def test_every_table_can_be_split_by_hash_of_the_partition(
    settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, conflicts, walks and all: the statements are the same over tables in four parts each."""

    def split(text: str) -> str:
        tables = re.findall(r"CREATE TABLE (\w+)", text)
        parts = [
            f"CREATE TABLE {one}_{n} PARTITION OF {one} FOR VALUES WITH (MODULUS 4, REMAINDER {n});"
            for one in tables
            for n in range(4)
        ]
        return text.replace("\n);", "\n) PARTITION BY HASH (partition);") + "\n".join(parts)

    monkeypatch.setattr(
        schema, "MIGRATIONS", [(1, split(MIGRATIONS[0][1])), *((n, "SELECT 1") for n, _ in MIGRATIONS[1:])]
    )
    storage = await PostgresSessionStorage.open(settings)
    for n in range(40):
        await storage.commit(Commit(f"p{n}", 0, 1, 1, {"a": Lane(0, 1)}, {"m": n % 7}, None, {("a", 0): b"%d" % n}))
    for n in range(0, 40, 3):
        await storage.commit(Commit(f"p{n}", 1, 2, 2, {"a": Lane(0, 2)}, {"m": 9}, None, {("a", 1): b"x"}))
    await storage.drop("p1", expect=1)
    with pytest.raises(Conflict):
        await storage.commit(Commit("p0", 1, 2, 2))
    with pytest.raises(Conflict):
        await storage.commit(Commit("p0", 0, 2, 2))
    walked = [(item.head.marks["m"], item.head.partition) for item in await storage.scan(Scan("m"))]
    assert walked == sorted((9 if n % 3 == 0 else n % 7, f"p{n}") for n in range(40) if n != 1)
    parts = sql(
        settings,
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = %s AND relkind = 'r' AND relispartition",
        SCHEMA,
    )
    assert parts == [(16,)]
    await storage.close()


class Counting(PostgresSessionStorage):
    """Counts what the server rolled back for another's sake."""

    again = 0

    async def _once(self, query: Any, told: Any) -> Any:
        try:
            return await super()._once(query, told)
        except (SerializationFailure, DeadlockDetected):
            Counting.again += 1
            raise


async def test_serialization_failures_are_retried(settings: PostgresSettings) -> None:
    """On a database that is serializable by default, tasks that race see conflicts, never the server's own errors."""
    strict = settings.dsn + "&options=-c%20default_transaction_isolation%3Dserializable"
    storage = await Counting.open(settings.model_copy(update={"dsn": strict, "connections": 8, "deadline": 30}))
    await storage.commit(Commit("p", 0, 1, 1, {"a": Lane(0, 0)}, {"m": 0}))

    async def write(who: int) -> None:
        for n in range(10):
            while True:
                found = await storage.load("p")
                assert found is not None
                at, version = found.head.lanes["a"].stop, found.head.version
                record = {("a", at): b"%d/%d" % (who, n)}
                step = Commit("p", version, version + 1, version + 1, {"a": Lane(0, at + 1)}, {"m": at}, None, record)
                try:
                    await storage.commit(step)
                except Conflict:
                    await storage.scan(Scan("m"))
                    continue
                break

    await asyncio.gather(*(write(who) for who in range(6)))
    found = await storage.load("p", Span("a"))
    await storage.close()
    assert found is not None
    assert sorted(found.records.values()) == sorted(b"%d/%d" % (who, n) for who in range(6) for n in range(10))
    assert Counting.again > 0, "nothing was rolled back: the test shows nothing"


async def test_a_connection_keeps_nothing_of_a_call(storage: PostgresSessionStorage) -> None:
    """So a pooler may give the next call another one: no settings, prepared statements, locks, listeners or tables."""
    for version in range(1, 20):
        await storage.commit(put(version, version - 1))
        await storage.load("p", Span("a"))
        await storage.scan(Scan("m"))
    async with storage._pool.connection() as connection:

        async def count(text: str) -> int:
            row = await (await connection.execute(text)).fetchone()
            return row[0]

        pid = connection.info.backend_pid
        assert await count("SELECT count(*) FROM pg_prepared_statements") == 0
        assert await count("SELECT count(*) FROM pg_settings WHERE source = 'session'") == 0
        assert await count(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = {pid}") == 0
        assert await count("SELECT count(*) FROM pg_listening_channels()") == 0
        assert await count("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == 0
        assert connection.info.transaction_status.name == "IDLE"


async def test_statements_are_prepared_where_that_is_said(settings: PostgresSettings) -> None:
    """Once for each connection, whatever they are told and how often the tables change meanwhile."""
    storage = await PostgresSessionStorage.open(settings.model_copy(update={"prepare": True, "connections": 1}))
    for version in range(1, 20):
        await storage.commit(put(version, version - 1, b"%d" % version))
        found = await storage.load("p", Span("a", -1))
        assert found is not None
        assert dict(found.records) == {("a", version - 1): b"%d" % version}
        for descending in (True, False):
            assert [one.head for one in await storage.scan(Scan("m", descending=descending))] == [found.head]
    async with storage._pool.connection() as connection:
        kept = await (await connection.execute("SELECT statement FROM pg_prepared_statements")).fetchall()
    assert len({text for (text,) in kept}) == 4  # a commit, a load and two walks
    await storage.close()


async def test_what_is_acknowledged_survives_the_server(own: Any) -> None:
    """``kill -9`` of its postmaster: what it answered is in its log, and is there when it comes up again."""
    settings = PostgresSettings(dsn=own.get_uri(), deadline=2)
    storage = await PostgresSessionStorage.open(settings)
    for version in range(1, 30):
        await storage.commit(put(version, version - 1))
    os.kill(own.get_pid(), signal.SIGKILL)
    acknowledged = [29]
    with pytest.raises(StorageUnavailable):
        await until_it_fails(storage, acknowledged)
    await storage.close()
    await asyncio.to_thread(come_up, own)
    storage = await PostgresSessionStorage.open(settings.model_copy(update={"deadline": 30}))
    found = await storage.load("p", Span("a"))
    await storage.close()
    assert found is not None
    assert found.head.version >= acknowledged[-1]
    assert len(found.records) == found.head.version


async def until_it_fails(storage: PostgresSessionStorage, acknowledged: list[int]) -> None:
    while True:  # the postmaster's children live a moment longer
        await storage.commit(put(acknowledged[-1] + 1, acknowledged[-1]))
        acknowledged.append(acknowledged[-1] + 1)


def come_up(server: Any) -> None:
    """Start it again, once those that its death leaves are gone."""
    for _ in range(100):
        (server.pgdata / "postmaster.pid").unlink(missing_ok=True)  # of a process that nobody may have waited for
        try:
            server.ensure_postgres_running()
        except subprocess.CalledProcessError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("it did not come up")


async def test_a_server_that_acknowledges_too_early_is_refused(settings: PostgresSettings) -> None:
    """What is claimed to survive a power cut must."""
    careless = settings.model_copy(update={"dsn": settings.dsn + "&options=-c%20synchronous_commit%3Doff"})
    with pytest.raises(StorageUnavailable, match="synchronous_commit = off"):
        await PostgresSessionStorage.open(careless)


async def test_connections_cut_by_the_server_are_typed_errors_and_then_forgotten(
    storage: PostgresSessionStorage, settings: PostgresSettings
) -> None:
    """As after a failover: at most the calls on a cut connection fail; nothing acknowledged is gone."""
    await storage.commit(put(1))
    sql(settings, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdall'")
    for _ in range(3):
        try:
            found = await storage.load("p", Span("a"))
        except StorageUnavailable:
            continue
        assert found is not None
        assert found.head.version == 1
        break
    else:
        pytest.fail("it never came back")
    await storage.commit(put(2, 1))


async def test_a_server_that_hangs_is_given_up_at_the_deadline(
    storage: PostgresSessionStorage, settings: PostgresSettings
) -> None:
    """A stopped backend answers nothing; the call does, and the next one gets another connection."""
    storage._deadline = 1
    await storage.commit(put(1))
    pids = [row[0] for row in sql(settings, "SELECT pid FROM pg_stat_activity WHERE application_name = 'holdall'")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        with pytest.raises(StorageUnavailable, match="no answer from the server within 1 s"):
            await storage.load("p")
        assert time.monotonic() - start < 4
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    found = await storage.load("p")
    assert found is not None


async def test_a_flipped_bit_costs_its_record(storage: PostgresSessionStorage, settings: PostgresSettings) -> None:
    await storage.commit(put(1, data=b"kept"))
    await storage.commit(put(2, 1, data=b"hurt"))
    sql(settings, "UPDATE {schema}.records SET data = 'hurd' WHERE position = 1")
    with pytest.raises(Damaged, match="p: record a/1"):
        await storage.load("p", Span("a"))
    found = await storage.load("p", Span("a", 0, 1))
    assert found is not None
    assert found.records == {("a", 0): b"kept"}


async def test_a_page_costs_what_is_on_it(storage: PostgresSessionStorage, settings: PostgresSettings) -> None:
    """Fifty records are looked up in the index, however long the lane is, and whatever the planner knows of it."""
    write = {("a", n): b"x" for n in range(3000)}
    await storage.commit(Commit("p", 0, 1, 1, {"a": Lane(0, 3000)}, {"m": 1}, None, write))
    for span, count in ((Span("a", -50), 50), (Span("a", 100, 120), 20)):
        for statement, told in (
            (statements.LOAD, {"partition": b"p"}),
            (statements.WALK_MARK, parameters_of_walk(Scan("m"))),
        ):
            query = SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + SQL(statement).format(
                schema=Identifier(SCHEMA), order=SQL("ASC"), beyond=SQL(">")
            )
            with psycopg.connect(settings.dsn, autocommit=True) as connection:
                (plan,) = connection.execute(query, told | parameters_of_spans([span])).fetchone()
            assert touched(plan[0]["Plan"]) == count


def touched(plan: dict[str, Any]) -> int:
    """Rows of the records that a plan looked at, whether it kept them or not."""
    inner = sum(touched(one) for one in plan.get("Plans", []))
    if plan.get("Relation Name") != "records":
        return inner
    return inner + int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])


async def test_a_conflict_says_what_is_there(storage: PostgresSessionStorage) -> None:
    await storage.commit(put(1))
    with pytest.raises(Conflict) as stale:
        await storage.commit(put(9, 8))
    assert stale.value.found == 1
    with pytest.raises(Conflict) as absent:
        await storage.drop("q", expect=1)
    assert absent.value.found == 0


async def test_nothing_that_a_client_says_is_sql(storage: PostgresSessionStorage) -> None:
    """Names and bytes are parameters, whatever they look like."""
    name = "'; DROP SCHEMA tested CASCADE; --\0\\"
    await storage.commit(Commit(name, 0, 1, 1, {name: Lane(0, 1)}, {name: 1}, None, {(name, 0): name.encode()}))
    (found,) = await storage.scan(Scan(name, spans=(Span(name),)))
    assert (found.head.partition, found.records) == (name, {(name, 0): name.encode()})


async def test_after_a_fork_it_is_refused(storage: PostgresSessionStorage) -> None:
    storage._pid -= 1  # as a child sees it
    with pytest.raises(StorageUnavailable, match="fork"):
        await storage.load("p")
    storage._pid += 1
