"""A service that speaks OpenAI's chat completions over real HTTP, and does what a test tells it to."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Asked", "ChatService", "Reply", "chat", "chat_url"]


class Asked(NamedTuple):
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def system(self) -> str:
        """What the model is told to do."""
        return self.body["messages"][0]["content"]

    @property
    def material(self) -> str:
        """What it is shown."""
        return self.body["messages"][1]["content"]


class Reply(NamedTuple):
    """What is answered; ``None`` for a body is an answer that never comes."""

    status: int = 200
    body: bytes | None = b""
    headers: Mapping[str, str] = {}


def said(text: Any) -> Reply:
    """A completion."""
    return Reply(body=json.dumps({"id": "1", "choices": [{"index": 0, "message": {"content": text}}]}).encode())


def words(asked: Asked) -> Reply:
    """As many words of the material as are allowed."""
    return said(" ".join(asked.material.split()[1 : 1 + asked.body.get("max_tokens", 50)]))


class ChatService:
    """Answers with ``answer``, after ``replies`` have been given; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: list[Reply] = []
        self.answer: Callable[[Asked], Reply] = words
        self.closing = threading.Event()
        self.url = ""

    def reply(self, asked: Asked) -> Reply:
        """What ``asked`` gets."""
        self.asked.append(asked)
        return self.replies.pop(0) if self.replies else self.answer(asked)


@contextmanager
def chat(certificate: tuple[Path, Path] | None = None) -> Iterator[ChatService]:
    """A service on a free port of this machine; with a certificate and its key, over https."""
    service = ChatService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = service.reply(Asked(self.path, dict(self.headers), body))
            if reply.body is None:
                service.closing.wait()
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(reply.body)
            except OSError:  # whoever asked has read enough
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            """Nothing is printed."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), OSError):  # whoever asked has gone
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    service.url = f"http{'' if certificate is None else 's'}://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chat_url(folder: Path) -> Iterator[str]:
    """The address of a service, for the kit."""
    del folder
    with chat() as service:
        yield service.url
