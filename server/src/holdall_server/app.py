"""The Sanic application: it turns Sanic's requests into calls, and replies into Sanic's responses. Nothing else."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from sanic import Sanic
from sanic.config import Config

from holdall import Settings, Store
from holdall_server import openapi
from holdall_server.access import Access
from holdall_server.api import OPERATIONS
from holdall_server.api.exports import with_formats
from holdall_server.binding import Application, Failures, handler_for
from holdall_server.lifespan import Lifespan
from holdall_server.operations import Operation, checked
from holdall_server.service import Service, Workers

__all__ = ["create_app"]

_serial = itertools.count()


def create_app(
    settings: Settings,
    *,
    store: Store | None = None,
    workers: Workers | None = None,
    operations: Sequence[Operation] = OPERATIONS,
) -> Sanic[Any, Any]:
    """The application for ``settings``. Nothing is opened or started before the server is.

    With ``store`` it serves from that one, which stays its giver's to close; otherwise each worker opens what the
    settings name. ``workers`` tells how many processes serve together.
    """
    operations = [operation.under(settings.sessions) for operation in checked(operations)]
    service = Service(settings, Access(settings.server), operations, workers)
    service.describe = lambda: _described(service, operations)
    app = Application(
        f"holdall-{next(_serial)}",
        config=_config(settings),
        configure_logging=False,
        error_handler=Failures(service),
    )
    app.ctx.service = service
    for operation in operations:
        uri = operation.path.replace("{", "<").replace("}", ">")
        # The format is Failures' business; Sanic would parse the source of each handler to guess one.
        handler, methods = handler_for(service, operation), [operation.method]
        app.add_route(handler, uri, methods, name=operation.name, error_format="json")
    lifespan = Lifespan(service, store)
    app.before_server_start(lifespan.start)
    app.before_server_stop(lifespan.stopping)
    app.after_server_stop(lifespan.stop)
    logging.getLogger("sanic.root").setLevel(logging.WARNING)
    return app


def _described(service: Service, operations: Sequence[Operation]) -> bytes:
    formats, anonymous = service.formats, service.settings.server.anonymous is not None
    told = openapi.document(with_formats(operations, formats), anonymous=anonymous)
    export = told["components"]["schemas"].get("ExportRequest")
    if export is not None:
        export["properties"]["format"]["enum"] = formats.writable
    return msgspec.json.encode(told)


def _config(settings: Settings) -> Config:
    server = settings.server
    return Config(
        {
            "ACCESS_LOG": server.access_log,
            "AUTO_EXTEND": False,
            "BODY_RATE": server.body_rate,
            "BODY_TIMEOUT": server.body_seconds,
            "FORWARDED_SECRET": None,
            "GRACEFUL_SHUTDOWN_TIMEOUT": server.grace,
            "INSPECTOR": False,
            "KEEP_ALIVE_TIMEOUT": 15,
            "MOTD": False,
            "NOISY_EXCEPTIONS": False,
            "PROXIES_COUNT": None,
            "REQUEST_MAX_SIZE": server.max_body_bytes,
            "REQUEST_TIMEOUT": server.head_seconds,
            "RESPONSE_TIMEOUT": 60,
            "TOUCHUP": True,
        },
        env_prefix=None,
    )
