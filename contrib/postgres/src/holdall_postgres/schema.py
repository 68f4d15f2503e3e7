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
_LOCK = 0x484F4C44414C4C  # "HOLDALL": held in a transaction only, so a pooler does not mind


async def migrate(connection: AsyncConnection[Any], schema: str) -> int:
    """Bring the schema to this version; raises ``StorageError`` for one that a newer version made."""
    name = Identifier(schema)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        await connection.execute(
            SQL(
                "CREATE TABLE IF NOT EXISTS {}.migrations (version int PRIMARY KEY, at timestamptz DEFAULT now())"
            ).format(name)
        )
        rows = await (await connection.execute(SQL("SELECT max(version) FROM {}.migrations").format(name))).fetchone()
        found = 0 if rows is None or rows[0] is None else int(rows[0])
        latest = MIGRATIONS[-1][0]
        if found > latest:
            raise StorageError(f"the schema {schema} is of version {found}; this plugin knows {latest}: upgrade it")
        for version, text in MIGRATIONS:
            if version > found:
                await connection.execute(SQL("SET LOCAL search_path TO {}").format(name))
                await connection.execute(cast("Any", text))
                await connection.execute(
                    SQL("INSERT INTO {}.migrations (version) VALUES (%s)").format(name), (version,)
                )
    return latest
