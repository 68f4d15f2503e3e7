"""What PostgreSQL does when it is cut off, stopped, old, new or careless.

Covers ST-04.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from pydantic import ValidationError

from holdall.contract import Commit, Lane, Scan, Span
from holdall.errors import Conflict, Damaged, SettingsError, StorageError, StorageUnavailable
from holdall_postgres import PostgresSessionStorage, PostgresSettings
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
    await storage.commit(put(1))
    pids = [row[0] for row in sql(settings, "SELECT pid FROM pg_stat_activity WHERE application_name = 'holdall'")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StorageUnavailable):
            await storage.load("p")
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


def test_a_password_is_never_in_the_configuration() -> None:
    with pytest.raises(ValidationError) as refused:
        PostgresSettings(dsn="postgresql://ana:s3cret@localhost/x")
    assert "password_env" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_password_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    with pytest.raises(SettingsError, match="NO_SUCH_VARIABLE"):
        PostgresSettings(dsn="postgresql://localhost/x", password_env="NO_SUCH_VARIABLE").connection()
