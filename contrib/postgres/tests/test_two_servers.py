"""Two Holdall servers on one database: one is killed, and nothing is lost.

Covers ST-04.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

pytestmark = pytest.mark.crash
WRITERS = 4


@pytest.fixture
def two(server: str, tmp_path: Path) -> Iterator[list[tuple[subprocess.Popen[str], str]]]:
    """Two servers with one configuration, as on two machines, and where they listen."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS two CASCADE")
    file = tmp_path / "holdall.toml"
    file.write_text(
        '[server]\nport = 0\nanonymous = "ana"\n[storage]\nuse = "postgres"\ndurability = "power"\n'
        f'[storage.options]\ndsn = {json.dumps(server)}\nschema_name = "two"\ndeadline = 30\n'
    )
    told = (tmp_path / "stderr").open("ab")
    argv = [sys.executable, "-m", "holdall_server", str(file)]
    processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=told, text=True) for _ in range(2)]
    lines = [process.stdout.readline() if process.stdout else "" for process in processes]
    assert all("Holdall serves" in line for line in lines), (tmp_path / "stderr").read_text()
    yield [(process, re.findall(r"http\S+", line)[0]) for process, line in zip(processes, lines, strict=True)]
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    told.close()


class Writer(threading.Thread):
    """Appends through one server until that fails, and from then on through the other; each message has a key."""

    def __init__(self, urls: list[str], session: str) -> None:
        super().__init__(daemon=True)
        self.urls, self.session = urls, session
        self.acknowledged: list[str] = []
        self.moved = False
        self.ended = threading.Event()
        self.failed: list[str] = []

    def run(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.ended.is_set():
                self._append(client, f"{self.name}/{len(self.acknowledged)}")

    def _append(self, client: httpx.Client, text: str) -> None:
        said = {"role": "user", "content": text}
        while True:
            try:
                answer = client.post(
                    f"{self.urls[0]}/api/sessions/{self.session}/messages",
                    json=said,
                    headers={"Idempotency-Key": text},
                )
            except httpx.TransportError:
                self.urls.reverse()
                self.moved = True
                continue
            if answer.status_code in (200, 201):
                self.acknowledged.append(text)
            else:
                self.failed.append(answer.text)
                self.ended.set()
            return


def test_one_is_killed_and_nothing_is_lost(two: list[tuple[Any, str]]) -> None:
    """Both write to the same sessions; what either acknowledged is there once, whoever is asked, and in order."""
    (victim, first), (_, second) = two
    with httpx.Client(timeout=60) as client:
        sessions = [client.post(f"{url}/api/sessions").json()["id"] for url in (first, second)]
        writers = [Writer([first, second] if n % 2 else [second, first], sessions[n // 2 % 2]) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        wait(lambda: all(len(writer.acknowledged) > 5 for writer in writers))
        victim.kill()
        then = [len(writer.acknowledged) for writer in writers]
        wait(lambda: all(len(w.acknowledged) > was + 5 for w, was in zip(writers, then, strict=True)))
        for writer in writers:
            writer.ended.set()
        for writer in writers:
            writer.join()
        assert [writer.failed for writer in writers] == [[]] * WRITERS
        assert any(writer.moved for writer in writers)
        for session in sessions:
            told = history(client, f"{second}/api/sessions/{session}/history?limit=500")
            for writer in writers:
                mine = [text for text in told if text.startswith(f"{writer.name}/")]
                assert mine == (writer.acknowledged if writer.session == session else [])
        listed = [item["id"] for item in client.get(f"{second}/api/sessions").json()["items"]]
        assert sorted(listed) == sorted(sessions)


def history(client: httpx.Client, at: str | None) -> list[str]:
    told: list[str] = []
    while at:
        page = client.get(at)
        told = [message["content"] for message in page.json()["items"]] + told
        at = page.links.get("prev", {}).get("url")
    return told


def wait(condition: Any) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
