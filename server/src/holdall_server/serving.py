"""``serve``: check, bind, then run one process or supervise several."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

from holdall import Settings, SettingsError
from holdall_server import logs, supervisor, worker
from holdall_server.checks import check

__all__ = ["serve"]

_BACKLOG = 1024


def serve(settings: Settings, *, welcome: Callable[[str], str] | None = None) -> None:
    """Serve until told to stop by SIGTERM or SIGINT. Prints one line with the URL when it is ready.

    ``welcome`` makes of the URL what is printed behind that line.

    Returns when it was told to stop and every acknowledged write is stored. Raises ``HoldallError`` when it cannot
    start: the configuration is wrong, or the storage can't be opened. Requests still running
    at the end of the grace are cut off, with a line in the log. Raises ``SystemExit(1)`` when a worker process did
    not stop even then and was killed.
    """
    check(settings)
    logs.configure()
    with _bound(settings) as sock:
        url, workers = _url(settings, sock), settings.server.workers
        line = f"Holdall serves {url}" if workers == 1 else f"Holdall serves {url} with {workers} workers"
        if welcome is not None:
            line = f"{line}\n{welcome(url)}"
        if workers == 1:
            worker.run(settings, sock, ready=lambda: _say(line))
        else:
            supervisor.run(settings, sock, ready=lambda: _say(line))


def _bound(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(f"server.host: cannot use {host!r}: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise SettingsError(f"server.port: cannot listen on {host}, port {port}: {error.strerror}") from None
    sock.setblocking(False)
    return sock


def _url(settings: Settings, sock: socket.socket) -> str:
    scheme = "http" if settings.server.tls_cert is None else "https"
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
