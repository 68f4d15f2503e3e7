"""Requests over HTTP, that can be sent to one server and again to another."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

__all__ = ["TOKEN", "Answer", "Line", "Request", "write_config"]

TOKEN = "hld1_token-of-the-one-who-may-purge"
_SETTINGS = """
[[server.tokens]]
owner = "ana"
admin = true
sha256 = "{sha256}"
[sessions]
large_part_bytes = 4096
{storage}
"""


def write_config(folder: Path, backend: str, port: int, workers: int, *, plugin: Path | None = None) -> Path:
    """A configuration with all that conversations need; the same for every backend."""
    file = folder / f"{backend}.toml"
    storage = f'[storage]\nuse = "{backend}"\n'
    if backend != "memory":
        storage += f"[storage.options]\npath = {json.dumps(str(folder / 'store'))}\n"
        storage += f'[search]\nuse = "fts"\n[search.options]\npath = {json.dumps(str(folder / "search"))}\n'
    plugins = "" if plugin is None else f"plugins = [{json.dumps(str(plugin))}]\n"
    sha256 = hashlib.sha256(TOKEN.encode()).hexdigest()
    server = f"{plugins}[server]\nport = {port}\nworkers = {workers}"
    file.write_text(server + _SETTINGS.format(sha256=sha256, storage=storage))
    return file


@dataclass(frozen=True)
class Request:
    """What is asked of a session: ``path`` goes behind the session's own."""

    method: str
    path: str
    body: Any = None
    key: str | None = None
    tokens: tuple[str, ...] = ()
    """The words in it that are nowhere else."""
    kind: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict[str, str])


class Line:
    """A connection that is made again when it is gone; raises ``OSError`` or ``HTTPException`` when there is no answer."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            self._line.request(method, path, data, headers)
            found = self._line.getresponse()
            text = found.read()
        except BaseException:
            self._line.close()
            raise
        told = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, json.loads(text) if text else None, told)

    def raw(self, path: str) -> bytes:
        """The bytes that are there."""
        self._line.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        found = self._line.getresponse()
        text = found.read()
        assert found.status == 200, (path, found.status, text)
        return text

    def send(self, session: str, request: Request) -> Answer:
        return self.ask(request.method, f"/api/sessions/{session}{request.path}", request.body, request.key)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", f"{path}?{urlencode(query)}" if query else path)
        assert answer.status == 200, (path, query, answer)
        return answer.body

    def all(self, path: str, *, back: bool = False, **query: Any) -> list[Any]:
        """Every item of a list that comes in pages."""
        found: list[Any] = []
        for items in self._pages(path, back=back, **query):
            found = [*items, *found] if back else [*found, *items]
        return found

    def _pages(self, path: str, *, back: bool, **query: Any) -> Iterator[list[Any]]:
        cursor: dict[str, Any] = {}
        while True:
            page = self.get(path, **query, **cursor, limit=500)
            yield page["items"]
            at = page["previous" if back else "next"]
            if at is None:
                return
            cursor = {"before" if back else "cursor": at}

    def close(self) -> None:
        self._line.close()
