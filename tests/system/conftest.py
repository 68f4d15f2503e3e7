"""Real servers in real processes, and the transcripts that lie beside the checkout where they are present."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

HOLDALL = str(Path(sys.executable).parent / "holdall")
DURABLE = ("file", "diskcache", "tinydb")
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
START = 30.0


@dataclass
class Server:
    """A running ``holdall serve``."""

    url: str
    config: Path
    process: subprocess.Popen[str]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, backend: str, *, workers: int = 1) -> tuple[Path, int]:
    """A configuration for ``backend`` in ``folder``, and the port that it names."""
    port = free_port()
    options = f'[storage.options]\npath = "{folder / "store"}"\n' if backend != "memory" else ""
    config = folder / "holdall.toml"
    config.write_text(
        f'[server]\nport = {port}\nworkers = {workers}\nanonymous = "ana"\n[storage]\nuse = "{backend}"\n{options}'
    )
    return config, port


def wait_until(ready: Callable[[], bool], what: str, seconds: float = START) -> None:
    """Poll until ``ready``; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        time.sleep(0.05)
    pytest.fail(f"{what}: not within {seconds} s")


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def serving(config: Path, port: int, seconds: float = START) -> Generator[Server]:
    """A server on ``config``, stopped gently at the end, by force if it does not go."""
    url = f"http://127.0.0.1:{port}"
    log = config.with_suffix(".log").open("a")
    process = subprocess.Popen(
        [HOLDALL, "--config", str(config), "serve"], stdout=log, stderr=log, text=True, start_new_session=True
    )
    try:
        wait_until(lambda: answers(url) or process.poll() is not None, f"{url} answers", seconds)
        assert process.poll() is None, config.with_suffix(".log").read_text()
        yield Server(url, config, process)
    finally:
        stop(process)
        log.close()


def stop(process: subprocess.Popen[str]) -> int:
    """End a server as an operator would: SIGTERM, and after its grace SIGKILL for whatever is left of its group."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(25)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def holdall(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    result = subprocess.run([HOLDALL, *arguments], capture_output=True, text=True, timeout=300)
    if check:
        assert result.returncode == 0, result.stdout + result.stderr
    return result


def data_folder(*parts: str) -> Path:
    """A folder of real transcripts, or a visible skip where they are not present."""
    folder = DATA.joinpath(*parts)
    if not folder.is_dir():
        pytest.skip(f"MISSING: real transcripts ({'/'.join(parts)}) beside the checkout")
    return folder


def as_json(text: str) -> object:
    return json.loads(text)
