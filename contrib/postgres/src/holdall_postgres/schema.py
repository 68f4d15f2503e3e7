"""The tables, by version: migrations are applied in order, each once, whoever opens the store first."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, cast

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from holdall.errors import StorageError

__all__ = ["MIGRATIONS", "migrate"]

MIGRATIONS = sorted(
    (int(file.name.removesuffix(".sql")), file.read_text("utf-8"))
    for file in files("holdall_postgres").joinpath("migrations").iterdir()
    if file.name.endswith(".sql")
)
_TABLE = "CREATE TABLE IF NOT EXISTS {}.migrations (version int PRIMARY KEY, at timestamptz DEFAULT now())"
_THERE = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'migrations'"
_LOCK = 0x484F4C44414C4C  # "HOLDALL": held in a transaction only, so a pooler does not mind


async def migrate(connection: AsyncConnection[Any], schema: str) -> int:
    """Bring the schema to this version; raises ``StorageError`` for one that a newer version made.

    One that is of this version is only looked at: who opens it needs no right to make tables.
    """
    latest = MIGRATIONS[-1][0]
    if await _version(connection, schema) == latest:
        return latest
    name = Identifier(schema)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found = await _version(connection, schema)
        if found > latest:
            raise StorageError(f"the schema {schema} is of version {found}; this plugin knows {latest}: upgrade it")
        if not found:
            await connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            await connection.execute(SQL(_TABLE).format(name))
        await connection.execute(SQL("SET LOCAL search_path TO {}").format(name))
        for version, text in MIGRATIONS:
            if version > found:
                await connection.execute(cast("Any", text))
                await connection.execute(
                    SQL("INSERT INTO {}.migrations (version) VALUES (%s)").format(name), (version,)
                )
    return latest


async def _version(connection: AsyncConnection[Any], schema: str) -> int:
    """The version that the schema is of; 0: there is none."""
    # Not to_regclass: inside a transaction it answers from a cache that another's tables may be missing from.
    there = await connection.execute(_THERE, (schema,))
    if await there.fetchone() is None:
        return 0
    newest = await connection.execute(
        SQL("SELECT coalesce(max(version), 0) FROM {}.migrations").format(Identifier(schema))
    )
    return int((await newest.fetchone() or (0,))[0])
