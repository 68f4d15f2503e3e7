"""A process that serves: its event loop, its signals, its orders from a supervisor."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from holdall import HoldallError, PluginError, Settings, SettingsError
from holdall_server import logs

__all__ = ["FAILED", "READY", "Seats", "run", "work"]

READY, FAILED = "ready", "failed"


class Seats:
    """How many workers there should be, and how many there are, as the supervisor tells."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.alive = 0


def run(settings: Settings, sock: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve in this process until a signal says to stop."""
    with _runner() as runner:
        runner.run(_serve(settings, sock, ready=ready))


def work(settings: Settings, sock: socket.socket, orders: Connection[Any, Any]) -> None:
    """Serve as one of several workers, until the supervisor says to stop or is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the supervisor, which tells us
    logs.configure()
    seats = Seats(settings.server.workers)
    try:
        with _runner() as runner:
            runner.run(_serve(settings, sock, ready=lambda: _say(orders, READY), orders=orders, seats=seats))
    except HoldallError as error:
        _say(orders, (FAILED, str(error), isinstance(error, SettingsError | PluginError)))
        raise SystemExit(3) from None


def _say(orders: Connection[Any, Any], said: object) -> None:
    """Tell the supervisor; one that has stopped, since another worker could not start, hears nothing more."""
    with suppress(BrokenPipeError):
        orders.send(said)


async def _serve(
    settings: Settings,
    sock: socket.socket,
    *,
    ready: Callable[[], None],
    orders: Connection[Any, Any] | None = None,
    seats: Seats | None = None,
) -> None:
    from holdall_server.app import create_app  # noqa: PLC0415 - a supervisor has no need of Sanic
    from holdall_server.checks import tls_of  # noqa: PLC0415
    from holdall_server.descriptors import make_room  # noqa: PLC0415
    from holdall_server.running import serving_until  # noqa: PLC0415

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if orders is None:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    elif seats is not None:
        loop.add_reader(orders.fileno(), _heed, orders, seats, stop)
    make_room(settings.server.max_connections)
    app = create_app(settings, workers=seats)
    await serving_until(app, sock, stop, tls=tls_of(settings), ready=ready)


def _heed(orders: Connection[Any, Any], seats: Seats, stop: asyncio.Event) -> None:
    """Read what the supervisor says; its end of the pipe closes when it dies."""
    try:
        seats.alive = orders.recv()
    except (EOFError, OSError):
        asyncio.get_running_loop().remove_reader(orders.fileno())
        stop.set()


def _runner() -> asyncio.Runner:
    """Runs on uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
