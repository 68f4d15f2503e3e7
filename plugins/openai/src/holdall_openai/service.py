"""The service over HTTP: bounded in time, tries and bytes. No error has a key, an address or an answer in it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NamedTuple

import httpx

from holdall.errors import SummaryError
from holdall_openai.keys import read_key
from holdall_openai.settings import OpenAISettings

__all__ = ["Line", "Service", "Timing"]

log = logging.getLogger("holdall")
_MOST = 1 << 20
"""Bytes of an answer."""
_TRIES = 8
_CONNECT = 10
"""Seconds for a connection."""
_REFUSED: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: ": check the options; a model that thinks needs `thinking`",
    HTTPStatus.UNAUTHORIZED: ": it does not take the key, or wants one",
    HTTPStatus.FORBIDDEN: ": it does not allow this with the key",
    HTTPStatus.NOT_FOUND: ": check base_url and model",
}


class Timing(NamedTuple):
    """A clock in seconds, and what waits."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class _Again(NamedTuple):
    """Why a request may be sent once more, and after how many seconds, if the service says so."""

    why: str
    after: float | None = None


class Service:
    """Knows the address and the key."""

    def __init__(self, settings: OpenAISettings, timing: Timing) -> None:
        """Raises ``SettingsError`` where the key cannot be had."""
        self._settings = settings
        self._timing = timing
        self._url = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._encrypted = settings.base_url.lower().startswith("https:")
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "holdall"}
        key = read_key(settings)
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._context: ssl.SSLContext | None = None

    def _trust(self) -> ssl.SSLContext:
        """Whom a certificate may come from; over plain http nobody is asked, and nobody is trusted."""
        if self._encrypted:
            return httpx.create_ssl_context()
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line, None]:
        """Connections for one summary, whose time runs from now on."""
        until = self._timing.now() + self._settings.deadline
        if self._context is None:
            self._context = await asyncio.to_thread(self._trust)
        client = httpx.AsyncClient(
            headers=self._headers,
            verify=self._context,
            follow_redirects=False,  # another place is not to have the key
            trust_env=self._encrypted,  # a proxy sees nothing of what is encrypted
            timeout=httpx.Timeout(None, connect=_CONNECT),
        )
        async with client:
            yield Line(client, self._url, self._settings.timeout, until, self._timing)


class Line:
    """Posts to the service until a deadline."""

    def __init__(self, client: httpx.AsyncClient, url: str, timeout: float, until: float, timing: Timing) -> None:
        self._client = client
        self._url = url
        self._timeout = timeout
        self._until = until
        self._timing = timing

    async def post(self, body: bytes) -> bytes:
        """The answer; raises ``SummaryError``. Sent again only where nothing can have come of it, and only in time."""
        why = ""
        for attempt in range(_TRIES):
            found = await self._sent(body)
            if isinstance(found, bytes):
                return found
            why = found.why
            wait = 2.0**attempt if found.after is None else found.after
            if wait >= self._left():
                raise SummaryError(f"{why}, and the deadline leaves no time to ask again")
            if attempt < _TRIES - 1:
                log.info("a summary waits %g s: %s", wait, why)
                await self._timing.pause(wait)
        raise SummaryError(f"{why}, {_TRIES} times")

    def _left(self) -> float:
        return self._until - self._timing.now()

    async def _sent(self, body: bytes) -> bytes | _Again:
        seconds = min(self._timeout, self._left())
        if seconds <= 0:
            raise SummaryError("the service took longer than the deadline for all answers")
        try:
            async with asyncio.timeout(seconds), self._client.stream("POST", self._url, content=body) as reply:
                return await _read(reply) if reply.is_success else _refusal(reply)
        except TimeoutError:
            raise SummaryError(f"the service gave no answer within {seconds:.3g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise SummaryError("the service's certificate is of nobody whom this machine trusts") from None
            return _Again("the service cannot be reached")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SummaryError(f"the connection to the service failed: {type(error).__name__}") from None


async def _read(reply: httpx.Response) -> bytes:
    """The answer as it comes: nothing is unpacked, so its length is what it takes here."""
    if reply.headers.get("content-encoding", "identity") != "identity":
        raise SummaryError("the service's answer is packed, which was not asked for")
    data = bytearray()
    async for chunk in reply.aiter_raw():
        data += chunk
        if len(data) > _MOST:
            raise SummaryError(f"the service's answer is larger than {_MOST:,} bytes")
    return bytes(data)


def _refusal(reply: httpx.Response) -> _Again:
    """When to ask again; raises ``SummaryError`` where that would not help."""
    status = reply.status_code
    why = f"the service answered {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Again(why, _after(reply.headers))
    raise SummaryError(why + (": it points elsewhere" if reply.is_redirect else _REFUSED.get(status, "")))


def _after(headers: httpx.Headers) -> float | None:
    """The seconds of a Retry-After; a date in it is compared with the service's own."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    try:
        then, now = parsedate_to_datetime(said), parsedate_to_datetime(headers.get("date", ""))
        return max((then - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
