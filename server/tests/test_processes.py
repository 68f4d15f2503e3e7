"""Real processes: told to stop, killed, started while another holds the storage."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

HELLO = {"role": "user", "content": "hello"}
pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(importlib.util.find_spec("holdall_file") is None, reason="holdall-file is not installed"),
]


class Server:
    """A server as an operator runs it."""

    def __init__(
        self, folder: Path, workers: int, *, grace: float = 10, under: Sequence[str] = (), more: str = ""
    ) -> None:
        file = folder / "holdall.toml"
        file.write_text(
            f'[server]\nport = 0\nanonymous = "ana"\nworkers = {workers}\ngrace = {grace}\n{more}'
            f'[storage]\nuse = "file"\n[storage.options]\npath = {json.dumps(str(folder / "data"))}\n'
        )
        self.errors = (folder / "stderr").open("ab")
        self.process = subprocess.Popen(
            [*under, sys.executable, "-m", "holdall_server", str(file)],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        assert "Holdall serves" in self.line, (folder / "stderr").read_text()
        self.url = re.findall(r"http\S+", self.line)[0]

    def workers(self) -> list[int]:
        found: list[int] = []
        for child in children(self.process.pid):
            with contextlib.suppress(OSError):
                if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found += children(child)
        return found

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """The exit status, and the seconds it took."""
        start = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(60), time.monotonic() - start


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(workers: int = 1, **options: Any) -> Server:
        servers.append(Server(tmp_path, workers, **options))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()
        server.errors.close()


def until(condition: Callable[[], bool], seconds: float = 15) -> float:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - start


class Load(threading.Thread):
    """Appends, one message after another, and remembers which were acknowledged."""

    def __init__(self, url: str, session: str) -> None:
        super().__init__(daemon=True)
        self.url, self.session = url, session
        self.acknowledged: list[str] = []
        self.halves = 0
        self.ended = threading.Event()

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=self.url) as client:
            while not self.ended.is_set():
                text = f"{self.name}-{number}"
                number += 1
                try:
                    answer = client.post(f"/api/sessions/{self.session}/messages", json={**HELLO, "content": text})
                except httpx.RemoteProtocolError as error:
                    self.halves += "incomplete" in str(error) or "peer closed" in str(error)
                except httpx.TransportError:
                    time.sleep(0.01)
                else:
                    if answer.status_code == 201:
                        self.acknowledged.append(text)


def contents(client: httpx.Client, session: str) -> list[str]:
    found: list[str] = []
    at = f"/api/sessions/{session}/history?limit=500"
    while at:
        page = client.get(at)
        found = [message["content"] for message in page.json()["items"]] + found
        at = page.links.get("prev", {}).get("url")
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_told_to_stop_it_loses_nothing_acknowledged(serve, workers):
    server = serve(workers)
    with httpx.Client(base_url=server.url) as client:
        session = client.post("/api/sessions").json()["id"]
    loads = [Load(server.url, session) for _ in range(4)]
    for load in loads:
        load.start()
    until(lambda: all(len(load.acknowledged) > 10 for load in loads))
    status, seconds = server.stop()
    for load in loads:
        load.ended.set()
        load.join()
    assert status == 0
    assert seconds < 8
    assert sum(load.halves for load in loads) == 0
    again = serve(workers)
    with httpx.Client(base_url=again.url) as client:
        found = contents(client, session)
    assert len(found) == len(set(found))
    for load in loads:
        assert set(load.acknowledged) <= set(found)


@pytest.mark.covers("PL-07")
def test_another_configuration_is_checked_and_taken_over_without_loss(serve, tmp_path):
    """As the guide says: check the new one beside the server that runs, then have that one drain."""
    server = serve()
    with httpx.Client(base_url=server.url) as client:
        session = client.post("/api/sessions").json()["id"]
    load = Load(server.url, session)
    load.start()
    planned, holdall = tmp_path / "planned.toml", (sys.executable, "-m", "holdall.cli", "check", "--config")
    for line, code, told in (
        ("pages = 7", 2, "unknown key 'server.pages'; did you mean 'page'?"),
        ("page = 7", 0, "ok"),
    ):
        planned.write_text((tmp_path / "holdall.toml").read_text().replace("[storage]", f"{line}\n[storage]"))
        done = subprocess.run([*holdall, planned], capture_output=True, text=True, timeout=60)
        assert (done.returncode, told in done.stdout + done.stderr) == (code, True)
    until(lambda: len(load.acknowledged) > 10)
    assert server.stop()[0] == 0
    load.ended.set()
    load.join()
    with httpx.Client(base_url=serve(more="page = 7\n").url) as client:
        assert len(client.get(f"/api/sessions/{session}/history").json()["items"]) == 7
        assert set(load.acknowledged) <= set(contents(client, session))


@pytest.mark.parametrize(
    ("workers", "number"),
    [
        (1, signal.SIGINT),
        (2, signal.SIGTERM),
        pytest.param(1, signal.SIGTERM, marks=pytest.mark.thorough),
        pytest.param(2, signal.SIGINT, marks=pytest.mark.thorough),
    ],
)
def test_it_stops_at_once_when_it_has_just_become_ready(serve, workers, number):
    for _ in range(3):
        status, seconds = serve(workers).stop(number)
        assert (status, seconds < 5) == (0, True)


def test_a_killed_worker_comes_back(serve):
    server = serve(2)
    with httpx.Client(base_url=server.url) as client:
        session = client.post("/api/sessions").json()["id"]
        for _ in range(3):
            before = server.workers()
            assert len(before) == 2
            load = Load(server.url, session)
            load.start()
            os.kill(before[0], signal.SIGKILL)

            def back(before: list[int] = before) -> bool:
                with contextlib.suppress(httpx.TransportError):
                    ready = httpx.get(f"{server.url}/readyz")
                    alive = ready.status_code == 200 and ready.json()["workers"] == {"alive": 2, "expected": 2}
                    return alive and before[0] not in server.workers()
                return False

            seconds = until(back)
            load.ended.set()
            load.join()
            assert seconds < 3
            assert set(load.acknowledged) <= set(contents(client, session))
    assert server.stop()[0] == 0


@pytest.mark.req("SEC-HTTP-04")
def test_a_repeat_after_a_kill_stores_nothing_twice(serve):
    server = serve(1)
    key = {"Idempotency-Key": "over-the-kill"}
    with httpx.Client(base_url=server.url) as client:
        url = client.post("/api/sessions", headers=key).headers["location"]
        first = client.post(f"{url}/messages", json=HELLO, headers=key)
    server.process.kill()
    server.process.wait()
    with httpx.Client(base_url=serve(1).url) as client:
        assert client.post("/api/sessions", headers=key).headers["location"] == url
        again = client.post(f"{url}/messages", json=HELLO, headers=key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert client.get(url).json()["counts"]["messages"] == 1


def test_what_is_configured_wrong_is_one_line_however_many_workers_meet_it(tmp_path):
    (data := tmp_path / "data").write_text("no folder")
    file = tmp_path / "holdall.toml"
    file.write_text(
        f'[server]\nport = 0\nanonymous = "ana"\nworkers = 3\n'
        f'[storage]\nuse = "file"\noptions = {{ path = {json.dumps(str(data))} }}\n'
    )
    command = [sys.executable, "-m", "holdall.cli", "--config", str(file), "serve"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, f"holdall: the data folder {data} is a file\n")


def test_an_access_log_is_a_line_of_json_for_each_answer(serve, tmp_path):
    server = serve(2, more="access_log = true\n")
    answer = httpx.get(f"{server.url}/api/search?q=secret")
    server.stop()
    (line,) = (tmp_path / "stderr").read_text().splitlines()
    told = json.loads(line)
    assert (told["logger"], told["request"]) == ("sanic.access", f"GET {server.url}/api/search")
    assert (told["status"], told["byte"]) == (200, len(answer.content))


def test_workers_do_not_outlive_their_supervisor(serve):
    server = serve(2)
    workers = server.workers()
    server.process.kill()
    server.process.wait()

    def gone() -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in workers)

    until(gone)


def test_measures_of_all_workers_are_summed_and_survive_one(serve):
    server = serve(2)

    def count() -> float:
        text = httpx.get(f"{server.url}/metrics").text
        found = re.search(r'holdall_request_seconds_count\{operation="livez",outcome="ok"\} (\S+)', text)
        return 0 if found is None else float(found[1])

    for _ in range(40):
        assert httpx.get(f"{server.url}/livez").status_code == 200
    until(lambda: count() == 40)
    os.kill(server.workers()[0], signal.SIGKILL)
    until(lambda: len(server.workers()) == 2)
    assert count() == 40
    assert server.stop()[0] == 0


def test_a_request_that_never_ends_is_cut_off_after_the_grace(serve):
    server = serve(1, grace=1)
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port
    with socket.create_connection((host, port or 0)) as stuck:
        stuck.sendall(b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nx")
        httpx.get(f"{server.url}/livez")
        _, seconds = server.stop()
    assert 0.9 < seconds < 4


@pytest.mark.parametrize("workers", [2, pytest.param(1, marks=pytest.mark.thorough)])
def test_with_few_descriptors_it_serves_fewer_and_recovers(serve, workers):
    limited = ("sh", "-c", 'ulimit -n 160; exec "$@"', "sh")
    server = serve(workers, under=limited)
    address = httpx.URL(server.url).host, httpx.URL(server.url).port or 0
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(address)) for _ in range(300)]
        answers = [answered(one) for one in crowd]
    assert set(answers) <= {b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Service Unavailable", b""}
    assert 20 <= answers.count(b"HTTP/1.1 200 OK") <= 20 * workers
    assert answers.count(b"HTTP/1.1 503 Service Unavailable") >= 8
    assert "leave room for 20 connections" in Path(server.errors.name).read_text()

    def back() -> bool:
        with socket.create_connection(address) as one:
            return answered(one) == b"HTTP/1.1 200 OK"

    until(back)
    assert server.stop()[0] == 0


def answered(one: socket.socket) -> bytes:
    """The first line of the answer on a connection, if there is one."""
    one.settimeout(15)
    try:
        one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return one.recv(1 << 12).partition(b"\r\n")[0]
    except ConnectionError:
        return b""


@pytest.mark.covers("OP-06")
@pytest.mark.skipif(shutil.which("strace") is None, reason="MISSING: strace")
def test_a_sync_that_fails_is_one_failed_write_and_a_server_that_says_so(serve):
    """The 20th sync fails: that write is refused, reads go on, ``/readyz`` tells until the server is started again."""
    calls = "fdatasync,fsync"
    under = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e"]
    server = serve(1, under=[*under, f"inject={calls}:error=EIO:when=20"])
    stored, refused = [], []
    with httpx.Client(base_url=server.url) as client:
        url = client.post("/api/sessions").headers["location"]
        for number in range(100):
            answer = client.post(f"{url}/messages", json={**HELLO, "content": f"{number}"})
            (stored if answer.status_code == 201 else refused).append(f"{number}")
            if refused:
                assert answer.status_code == 503
                break
        assert len(refused) == 1
        for _ in range(2):
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "storage-degraded")
            assert "Input/output error" in ready.json()["detail"]
            assert "jsonl" not in ready.text
            assert client.get("/livez").status_code == 200
            assert contents(client, url.rpartition("/")[2]) == stored
        assert client.post(f"{url}/messages", json={**HELLO, "content": "after"}).status_code == 201
    server.stop()
    with httpx.Client(base_url=serve(1).url) as client:
        assert client.get("/readyz").status_code == 200
        assert contents(client, url.rpartition("/")[2]) == [*stored, "after"]
