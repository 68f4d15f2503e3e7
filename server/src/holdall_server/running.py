"""One process that serves: an application on a bound socket, from its start to the end of its last request.

Sanic's own runner swallows what fails at the start, and its manager hangs when it is told to stop too early and does
not bring back a killed worker; so Holdall runs Sanic's server itself, and supervises workers by itself.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP

from holdall_server.descriptors import room
from holdall_server.door import Door
from holdall_server.protocol import Protocol

__all__ = ["serving", "serving_until"]

log = logging.getLogger("holdall.server")
_POLL = 0.02


async def serving_until(
    app: Sanic[Any, Any],
    sock: socket.socket,
    stop: asyncio.Event,
    *,
    tls: ssl.SSLContext | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until ``stop`` is set and the requests in flight are answered; a failing start is raised."""
    async with serving(app, sock, tls=tls):
        ready()
        await stop.wait()


@asynccontextmanager
async def serving(
    app: Sanic[Any, Any], sock: socket.socket, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[None, None]:
    """Serve ``app`` on the bound ``sock`` while the context lasts."""
    create: Any = app.create_server  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    app.state.server_info.append(ApplicationServerInfo({"version": HTTP.VERSION_1}))  # no Alt-Svc header then
    server: Any = await create(
        sock=sock,
        ssl=tls,
        protocol=Protocol,
        return_asyncio_server=True,
        asyncio_server_kwargs={"start_serving": False},
    )
    await server.startup()
    try:
        await server.before_start()
    except BaseException:
        await server.after_stop()
        raise
    door = _door(app, sock, server.connections, tls)
    try:
        door.open()
        await server.after_start()
        yield
    finally:
        await server.before_stop()
        await door.close()
        await _drain(server, app.config.GRACEFUL_SHUTDOWN_TIMEOUT)
        await server.after_stop()


def _door(app: Sanic[Any, Any], sock: socket.socket, connections: set[Any], tls: ssl.SSLContext | None) -> Door:
    service, loop = app.ctx.service, asyncio.get_running_loop()
    server = service.settings.server
    door = service.meter.door = Door(
        sock,
        lambda: Protocol(loop=loop, app=app, connections=connections),
        connections,
        most=room(server.max_connections),
        tls=tls,
        patience=server.head_seconds,
        turned_away=service.meter.turned_away.add,
    )
    return door


async def _drain(server: Any, grace: float) -> None:
    """Close the idle connections, let the busy ones finish, abort those that are left."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace
    if server.server is not None:
        server.server.close()
    while server.connections and loop.time() < deadline:
        for connection in list(server.connections):
            # What has come is answered, also where it is not yet looked at.
            if (connection.recv_buffer or not connection.close_if_idle()) and connection.http is not None:
                connection.http.keep_alive = False
        await asyncio.sleep(_POLL)
    for connection in list(server.connections):
        log.warning("a request was still running after the grace of %s s and is cut off", grace)
        connection.abort()
    if server.connections:
        await asyncio.sleep(_POLL)
