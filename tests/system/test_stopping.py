"""Stopping a server and killing a worker lose nothing; a short form of ``python -m tests.system.stopping``."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.system.pressure import Client
from tests.system.stopping import CONTROL, one_round

HOW = [("term", 1), ("term", 2), ("kill", 2)]


@pytest.mark.crash
@pytest.mark.covers("LC-14", "QA-04")
@pytest.mark.parametrize(("how", "workers"), HOW)
def test_nothing_acknowledged_is_lost(tmp_path: Path, how: str, workers: int) -> None:
    """All that was acknowledged is there, once and in order; no answer is cut off; it is over in time."""
    assert one_round(tmp_path, "file", how, workers, 0.5).faults == []


@pytest.mark.crash
def test_a_server_that_acknowledges_too_early_is_caught(tmp_path: Path) -> None:
    assert one_round(tmp_path, CONTROL, "term", 1, 0.5).lost > 0


@pytest.mark.parametrize(
    ("answer", "halves"), [(b"HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\nhalf", 1), (b"", 0)]
)
def test_an_answer_that_is_cut_off_is_counted(answer: bytes, halves: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)
                client.ended.set()

        client = Client(listening.getsockname()[1], "0123456789abcdef")
        thread = threading.Thread(target=serve)
        thread.start()
        client.start()
        client.join(20)
        thread.join()
    assert (client.halves, client.acknowledged) == (halves, [])
