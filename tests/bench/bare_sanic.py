"""Bare Sanic: takes in and gives out as many bytes as the server does, and does nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse

app = Sanic("bare", configure_logging=False)
JSON = "application/json"


@app.post("/messages")
async def post(request: Request) -> HTTPResponse:
    """Answer with the bytes that a stored message was answered with."""
    return HTTPResponse(app.ctx.message, status=201, content_type=JSON)


@app.get("/page")
async def get(request: Request) -> HTTPResponse:
    """Answer with the bytes of a page."""
    return HTTPResponse(app.ctx.page, content_type=JSON)


if __name__ == "__main__":
    app.ctx.message, app.ctx.page = (Path(name).read_bytes() for name in sys.argv[2:4])
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
