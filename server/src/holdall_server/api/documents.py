"""The description of the API: for machines, and for people without a network."""

from __future__ import annotations

from holdall_server import page
from holdall_server.exchange import Call, Reply
from holdall_server.operations import Policy, Table, Told

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.add("GET", "/", policy=Policy.OPEN, answers={302: Told("The way to the page.", media=(), headers=("Location",))})
async def get_root(_: Call) -> Reply:
    """Find the description of this API."""
    return Reply(302, headers={"Location": "/docs"}, media=None)


@TABLE.add("GET", "/openapi.json", policy=Policy.OPEN, answers={200: Told("An OpenAPI 3.1 document.")})
async def get_openapi(call: Call) -> Reply:
    """Read the description of this API."""
    return Reply(200, call.service.document)


@TABLE.add("GET", "/docs", policy=Policy.OPEN, answers={200: Told("A page to read.", media=("text/html",))})
async def get_docs(call: Call) -> Reply:
    """Read the description of this API as a page."""
    headers = {"Content-Security-Policy": page.POLICY}
    return Reply(200, page.render(call.service.document), headers, media="text/html; charset=utf-8")
