"""Clients that write as fast as they are answered, and know exactly what was acknowledged and what was cut off."""

from __future__ import annotations

import re
import socket
import threading
import time

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Client(threading.Thread):
    """Appends the numbers from 0 to a session of its own, over connections that it opens again when they are gone."""

    def __init__(self, port: int, session: str) -> None:
        super().__init__(daemon=True)
        self.port, self.session = port, session
        self.acknowledged: list[int] = []
        self.halves = 0
        """Answers that began and did not end."""
        self.refused = 0
        self.last = 0.0
        """When the last one was acknowledged, on the monotonic clock."""
        self.ended = threading.Event()
        self._number = 0

    def run(self) -> None:
        """Until it is told to end."""
        while not self.ended.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                    while not self.ended.is_set() and self._append(connection):
                        pass
            except OSError:
                time.sleep(0.01)

    def _append(self, connection: socket.socket) -> bool:
        """Send one message and take note of the answer; whether the connection can be used again."""
        number, self._number = self._number, self._number + 1  # one that was not answered is never sent again
        body = b'{"role":"user","content":"%d"}' % number
        connection.sendall(
            b"POST /api/sessions/%b/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (self.session.encode(), len(body), body)
        )
        answer = b""
        while not _whole(answer):
            try:
                piece = connection.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                self.halves += bool(answer)
                return False
            answer += piece
        if answer.startswith(b"HTTP/1.1 201"):
            self.acknowledged.append(number)
            self.last = time.monotonic()
        else:
            self.refused += 1
        return b"connection: close" not in answer.lower()


def _whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    length = _LENGTH.search(answer, 0, end) if end >= 0 else None
    return length is not None and len(answer) >= end + 4 + int(length[1])
