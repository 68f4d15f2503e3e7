"""Sessions in PostgreSQL: many processes on many machines, each verb one statement."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer, hookimpl
from holdall_postgres.settings import PostgresSettings
from holdall_postgres.storage import PostgresSessionStorage

__all__ = ["PostgresSessionStorage", "PostgresSettings", "holdall_storages"]


def _sandbox(folder: Path) -> Mapping[str, Any]:
    """A schema of its own, on the server that the environment variable names."""
    dsn = os.environ.get("HOLDALL_POSTGRES_DSN", "postgresql://localhost/postgres")
    schema = f"kit_{sha256(str(folder).encode()).hexdigest()[:16]}"
    return {"dsn": dsn, "schema_name": schema, "connections": 4, "deadline": 30}


@hookimpl
def holdall_storages() -> list[StorageOffer[PostgresSettings]]:
    """Register ``postgres``."""
    return [
        StorageOffer(
            name="postgres",
            summary="a PostgreSQL database, for many machines",
            settings=PostgresSettings,
            open=PostgresSessionStorage.open,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=_sandbox,
        )
    ]
