"""Bare Sanic: takes in and gives out as many bytes and headers as the server does, and does nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

from sanic import Sanic
from sanic.request import Request
from sanic.response import HTTPResponse

app = Sanic("bare", configure_logging=False)
JSON = "application/json"
BOTH = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "ETag": '"1789000000000000"',
    "X-Request-ID": "0123abcd-1",
}
MESSAGE = {**BOTH, "Location": "/api/sessions/0123456789abcdef0123456789abcdef0123/messages/msg_main_0000000000"}
PAGE = {**BOTH, "Link": '</api/sessions/0123456789abcdef0123456789abcdef0123/history?limit=35&before=x>; rel="prev"'}


@app.post("/messages")
async def post(request: Request) -> HTTPResponse:
    """Answer with the bytes that a stored message was answered with, once the body has come."""
    assert request.body
    return HTTPResponse(app.ctx.message, 201, MESSAGE, JSON)


@app.get("/page")
async def get(request: Request) -> HTTPResponse:
    """Answer with the bytes of a page."""
    return HTTPResponse(app.ctx.page, 200, PAGE, JSON)


if __name__ == "__main__":
    app.ctx.message, app.ctx.page = (Path(name).read_bytes() for name in sys.argv[2:4])
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
