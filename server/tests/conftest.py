"""A real server on a loopback port, and clients whose every answer is held against the OpenAPI document."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from anyio.from_thread import start_blocking_portal
from sanic import Sanic

from holdall import Settings
from holdall.settings import read_settings
from holdall_server.app import create_app
from holdall_server.checks import check
from holdall_server.running import serving

Sanic.test_mode = True
sys.modules.setdefault("sniffio", None)  # pyright: ignore[reportArgumentType] - httpcore would look for it with each request
NO_TLS = ssl.create_default_context()
"""Made once: it takes longer than everything else that a client does."""

TOKENS = {name: f"hld1_token-of-{name}-0123456789abcdef" for name in ("ana", "bob", "root")}
ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def bound_socket() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=512)
    sock.setblocking(False)
    return sock


@dataclass
class Contract:
    """The OpenAPI document of a server; fails on an answer that it does not describe."""

    document: dict[str, Any]
    seen: set[tuple[str, str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in sorted(self.document["paths"])
        ]
        self._validators: dict[str, Any] = {}

    async def check(self, response: httpx.Response) -> None:
        await response.aread()
        for name, value in ALWAYS.items():
            assert response.headers[name] == value
        assert response.headers["x-request-id"]
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code
        path = next((path for form, path in self._paths if form.fullmatch(response.request.url.path)), None)
        item = {} if path is None else self.document["paths"][path]
        operation = item.get(response.request.method.lower())
        if operation is None:
            assert response.status_code in (400, 404, 405)
            return
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"{operation['operationId']} does not document {response.status_code}"
        self.seen.add((operation["operationId"], "", response.status_code))
        content = told.get("content", {})
        if not content:
            assert response.content == b""
            return
        media = response.headers["content-type"].partition(";")[0]
        assert media in content, media
        schema = content[media].get("schema")
        if schema is not None:
            self._validator(operation["operationId"], response.status_code, schema).validate(response.json())

    def _validator(self, name: str, status: int, schema: dict[str, Any]) -> Any:
        key = f"{name} {status}"
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = jsonschema.Draft202012Validator(whole)
        return self._validators[key]


@dataclass
class Site:
    """A running server."""

    url: str
    settings: Settings
    service: Any
    contract: Contract
    stack: AsyncExitStack
    clients: dict[str | None, httpx.AsyncClient] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 0

    def client(self, who: str | None = None) -> httpx.AsyncClient:
        """A client with the token of ``who``."""
        return self.clients[who]

    async def open_clients(self) -> None:
        for name in (None, "ana", "bob", "root", "wrong-token-0123456789"):
            token = TOKENS.get(name or "", name)
            client = httpx.AsyncClient(
                base_url=self.url,
                headers={} if token is None else {"Authorization": f"Bearer {token}"},
                event_hooks={"response": [self.contract.check]},
                timeout=30,
                verify=NO_TLS,
                limits=httpx.Limits(max_connections=100),
            )
            self.clients[name] = await self.stack.enter_async_context(client)


Start = Callable[..., Any]


@asynccontextmanager
async def started(storage: dict[str, Any], server: dict[str, Any], **sections: Any) -> AsyncIterator[Site]:
    tokens = [{"owner": name, "sha256": _digest(token), "admin": name == "root"} for name, token in TOKENS.items()]
    settings = read_settings({"storage": storage, "server": {"tokens": tokens, "port": 0, **server}, **sections})
    check(settings)
    app = create_app(settings)
    sock = bound_socket()
    port = sock.getsockname()[1]
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        await stack.enter_async_context(serving(app, sock))
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(verify=NO_TLS) as client:
            document = (await client.get(f"{url}/openapi.json")).json()
        site = Site(url, settings, app.ctx.service, Contract(document), stack)
        await site.open_clients()
        yield site


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def free_socket() -> Iterator[socket.socket]:
    with bound_socket() as sock:
        yield sock


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server with settings of one's own."""
    async with AsyncExitStack() as stack:

        async def starter(storage: dict[str, Any] | None = None, server: Any = None, **sections: Any) -> Site:
            context = started(storage or {"use": "memory"}, server or {}, **sections)
            return await stack.enter_async_context(context)

        yield starter


@pytest.fixture(scope="module")
def standing() -> Iterator[Callable[..., Site]]:
    """Start a server for each of the settings, once for the tests of a module, in an event loop that outlasts them."""
    there: dict[str, Site] = {}
    with start_blocking_portal() as portal, ExitStack() as stack:

        def starter(storage: dict[str, Any], server: dict[str, Any], **sections: Any) -> Site:
            settings = repr((storage, server, sections))
            if settings not in there:
                context = started(storage, server, **sections)
                there[settings] = stack.enter_context(portal.wrap_async_context_manager(context))
            return there[settings]

        yield starter


@pytest.fixture
async def visit(standing: Callable[..., Site]) -> AsyncIterator[Start]:
    """As ``start``, for tests that take no notice of what others leave behind: a server that other tests have, too."""
    async with AsyncExitStack() as stack:

        async def visitor(storage: dict[str, Any] | None = None, server: Any = None, **sections: Any) -> Site:
            site = replace(standing(storage or {"use": "memory"}, server or {}, **sections), stack=stack, clients={})
            await site.open_clients()
            return site

        yield visitor


@pytest.fixture(scope="module")
def lasting_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lasting")


@pytest.fixture(params=["memory", "file"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each backend."""
    if importlib.util.find_spec(f"holdall_{request.param}") is None:
        pytest.skip(f"holdall-{request.param} is not installed")
    return request.param


def section(kind: str, folder: Path) -> dict[str, Any]:
    return {"use": kind} if kind == "memory" else {"use": kind, "options": {"path": str(folder / "sessions")}}


@pytest.fixture
def storage(kind: str, tmp_path: Path) -> dict[str, Any]:
    """The storage section of the configuration, for each backend."""
    return section(kind, tmp_path)


@pytest.fixture
async def site(storage: dict[str, Any], start: Start) -> Site:
    """A server on each backend."""
    return await start(storage)


@pytest.fixture
async def quick(start: Start) -> Site:
    """A server on memory, for what has nothing to do with the backend."""
    return await start()


@pytest.fixture
async def shared(visit: Start) -> Site:
    """As ``quick``, with the module's other tests."""
    return await visit()


@pytest.fixture
async def shared_site(kind: str, lasting_path: Path, visit: Start) -> Site:
    """As ``site``, with the module's other tests."""
    return await visit(section(kind, lasting_path))


@pytest.fixture
def ana(site: Site) -> httpx.AsyncClient:
    return site.client("ana")


@pytest.fixture
async def session(ana: httpx.AsyncClient) -> dict[str, Any]:
    """A session of ana's."""
    return (await ana.post("/api/sessions", json={"title": "first"})).json()


def shared_data(*parts: str) -> Path:
    """A file of the bad-input corpora beside the checkout; skips, visibly, where they are not there."""
    places = [os.environ.get("HOLDALL_TEST_DATA"), *(parent / "shared" / "data" for parent in Path(__file__).parents)]
    for place in places:
        if place is not None and Path(place, *parts).exists():
            return Path(place, *parts)
    pytest.skip(f"no {'/'.join(parts)} beside the checkout; set HOLDALL_TEST_DATA to where the corpora are")


@pytest.fixture
def corpus() -> Callable[..., Path]:
    return shared_data
