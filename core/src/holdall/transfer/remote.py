"""A store behind a running server, over its HTTP API. Needs ``holdall[remote]``."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from holdall.contract import Lane
from holdall.errors import NotFound, SettingsError, StorageUnavailable
from holdall.sessions.names import MAIN, message_position, tool_run_position
from holdall.transfer.problems import raised
from holdall.transfer.targets import Lineage, Place, Request, Wanted, forked, lane_of, node_of

if TYPE_CHECKING:
    import httpx

__all__ = ["RemoteTarget", "connected"]

_RETRIES = 5
_AGAIN = frozenset({408, 502, 503, 504})
_TIMEOUT = 60


@asynccontextmanager
async def connected(url: str, token: str | None) -> AsyncGenerator[RemoteTarget, None]:
    """The server at ``url``, spoken to with ``token``."""
    try:
        import httpx  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise SettingsError("--server needs the package httpx: pip install 'holdall[remote]'") from None
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        client = httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT)
    except (httpx.InvalidURL, ValueError) as error:
        raise SettingsError(f"--server {url}: {error}") from None
    async with client:
        yield RemoteTarget(client, httpx.TransportError)


class RemoteTarget:
    """See ``holdall.transfer.targets.Target``."""

    def __init__(self, client: httpx.AsyncClient, unreachable: type[Exception]) -> None:
        self._client = client
        self._unreachable = unreachable

    async def open(self, wanted: Wanted) -> Place:
        """See ``Target.open``."""
        named = {"owner": wanted.owner, "key": wanted.key}
        body = {**wanted.fields, **{name: value for name, value in named.items() if value is not None}}
        status, session = await self._send("POST", "/api/sessions", body, {"Idempotency-Key": str(uuid.uuid4())})
        new = status == 201  # noqa: PLR2004 - created
        place = _place(session, new=new)
        return place if new else await self._located(place, session["counts"])

    async def look(self, place: Place) -> Place:
        """See ``Target.look``."""
        _, session = await self._send("GET", f"/api/sessions/{place.session}")
        return replace(place, version=session["version"], ended=session["status"] == "ended")

    async def originals(self, place: Place) -> AsyncIterator[tuple[int, Sequence[str]]]:
        """See ``Target.originals``; newest pages first."""
        if not len(place.originals):
            return
        start = place.originals.stop
        async for items in self._pages(f"/api/sessions/{place.session}/originals", {}):
            start -= len(items)
            yield start, items

    async def runs(self, place: Place, status: str | None = None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """See ``Target.runs``."""
        query = {} if status is None else {"status": status}
        async for items in self._pages(f"/api/sessions/{place.session}/tools", query):
            yield items

    async def subs(self, place: Place, under: str) -> Sequence[Mapping[str, Any]]:
        """See ``Target.subs``."""
        return (await self._page(f"/api/sessions/{place.session}/branches", {"under": under}))["items"]

    async def sub(self, place: Place, name: str, under: str, fields: Mapping[str, str]) -> Place:
        """See ``Target.sub``."""
        path, version = f"/api/sessions/{place.session}/branches", place.version
        try:
            found = await self._page(f"{path}/{name}", {})
        except NotFound:
            body = {"under": under, "name": name, **fields}
            reply = await self._reply("POST", path, body, {"If-Match": f'"{version}"'})
            found, version = _content(reply), int(reply.headers["etag"].strip('"'))
        return replace(place, version=version, branches={**place.branches, name: lane_of(found)})

    async def lineages(self, place: Place) -> AsyncIterator[Lineage]:
        """See ``Target.lineages``."""
        for deleted in ("false", "true"):
            query = {"deleted": deleted}
            while True:
                page = await self._page(f"/api/sessions/{place.session}/branches", query)
                for branch in page["items"]:
                    yield Lineage.of(branch, place.messages.first)
                if page["next"] is None:
                    break
                query = {"deleted": deleted, "cursor": page["next"]}

    async def nodes(self, place: Place, branch: Lineage) -> AsyncIterator[tuple[str, Any]]:
        """See ``Target.nodes``."""
        path, left = f"/api/sessions/{place.session}", len(branch.own)
        if not branch.live:
            for name in branch.ids():
                yield name, node_of(await self._page(f"{path}/messages/{name}", {}))
        elif left:
            async for items in self._pages(f"{path}/history", {"branch": branch.name}):
                for message in items[max(len(items) - left, 0) :]:
                    yield message["id"], node_of(message)
                left -= len(items)
                if left <= 0:
                    return

    async def fork(self, place: Place, name: str, *, at: str | None = None, before: str | None = None) -> Place:
        """See ``Target.fork``."""
        body = {"name": name, "at": at} if before is None else {"name": name, "before": before}
        tag = {"If-Match": f'"{place.version}"'}
        reply = await self._reply("POST", f"/api/sessions/{place.session}/branches", body, tag)
        return forked(place, _content(reply), int(reply.headers["etag"].strip('"')))

    async def title(self, place: Place, branch: str, title: str) -> Place:
        """See ``Target.title``."""
        path = f"/api/sessions/{place.session}/branches/{branch}"
        await self._send("PATCH", path, {"title": title}, {"If-Match": "*"})
        return await self.look(place)

    async def remove(self, place: Place, branch: str) -> Place:
        """See ``Target.remove``."""
        path = f"/api/sessions/{place.session}/branches/{branch}"
        if (await self._page(path, {}))["deleted_at"] is None:
            await self._reply("DELETE", path, headers={"If-Match": "*"})
        return await self.look(place)

    async def message(self, place: Place, message: str) -> Mapping[str, Any]:
        """See ``Target.message``."""
        return await self._page(f"/api/sessions/{place.session}/messages/{message}", {})

    async def edit(self, place: Place, message: str, changes: Mapping[str, Any]) -> Place:
        """See ``Target.edit``."""
        await self._send("PATCH", f"/api/sessions/{place.session}/messages/{message}", changes, {"If-Match": "*"})
        return await self.look(place)

    async def show(self, place: Place, branch: str, to: str | None) -> Place:
        """See ``Target.show``."""
        path, tag = f"/api/sessions/{place.session}", {"If-Match": "*"}
        if to is None:
            await self._send("PATCH", f"{path}/branches/{branch}", {"current": True}, tag)
        else:
            await self._send("POST", f"{path}/revert", {"to": to, "branch": branch}, tag)
        return await self.look(place)

    async def append(self, place: Place, request: Request, key: str) -> Place:
        """See ``Target.append``."""
        body = {"messages": request.messages, "tools": request.tools, "originals": request.originals}
        headers = {"Idempotency-Key": key, "If-Match": f'"{place.version}"'}
        path, query = f"/api/sessions/{place.session}/messages", {"branch": request.branch}
        _, appended = await self._send("POST", path, body, headers, query)
        return place.after(request, appended["version"])

    async def finish(self, place: Place, run: str, end: Mapping[str, Any]) -> None:
        """See ``Target.finish``."""
        await self._send("PATCH", f"/api/sessions/{place.session}/tools/{run}", end, {"If-Match": "*"})

    async def end(self, place: Place, reason: str | None) -> None:
        """See ``Target.end``."""
        body = {} if reason is None else {"reason": reason}
        await self._send("POST", f"/api/sessions/{place.session}/end", body, {"If-Match": "*"})

    async def _located(self, place: Place, counts: Mapping[str, int]) -> Place:
        """``place`` with the lanes that the ids of their last records tell; they don't begin at 0 after a clear."""
        base = f"/api/sessions/{place.session}"
        messages, tools, originals = place.messages, place.tools, place.originals
        if counts["messages"]:
            main = await self._page(f"{base}/branches/{MAIN}", {})
            if main["last"] is not None:
                messages = _ending(message_position(main["last"]) + 1, main["messages"])
        if counts["tools"]:
            last = (await self._page(f"{base}/tools", {"limit": 1}))["items"][-1]["id"]
            tools = _ending(tool_run_position(last) + 1, counts["tools"])
        if counts["originals"] > 1:
            before = (await self._page(f"{base}/originals", {"limit": 1}))["previous"]
            originals = _ending(int(before) + 1, counts["originals"])
        return replace(place, messages=messages, tools=tools, originals=originals)

    async def _pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
        """Every page, from the latest backwards, as long as the server makes them."""
        before: dict[str, str] = {}
        while True:
            page = await self._page(path, {**query, **before})
            yield page["items"]
            if page["previous"] is None:
                return
            before = {"before": page["previous"]}

    async def _page(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        return (await self._send("GET", path, query=query))[1]

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> tuple[int, Any]:
        """The status and content of the server's reply; see ``_reply``."""
        reply = await self._reply(method, path, body, headers, query)
        return reply.status_code, _content(reply)

    async def _reply(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """The server's reply; asks again when it cannot be reached. Whatever is sent here may be sent twice."""
        content = None if body is None else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json", **(headers or {})} if content is not None else headers
        attempt = 0
        while True:
            attempt += 1
            try:
                reply = await self._client.request(method, path, content=content, headers=sent, params=query)
            except self._unreachable as error:
                if attempt > _RETRIES:
                    why = str(error) or type(error).__name__
                    raise StorageUnavailable(f"{self._client.base_url} cannot be reached: {why}") from None
            else:
                if reply.is_success:
                    return reply
                if reply.status_code not in _AGAIN or attempt > _RETRIES:
                    raise raised(reply.status_code, reply.content, path)
            await asyncio.sleep(0.1 * 2**attempt)


def _content(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        raise SettingsError(f"{reply.url} answers, but it is no Holdall API") from None


def _place(session: Mapping[str, Any], *, new: bool) -> Place:
    counts = session["counts"]
    messages, tools, originals = (Lane(0, counts[name]) for name in ("messages", "tools", "originals"))
    ended = session["status"] == "ended"
    return Place(session["id"], session["version"], messages, tools, originals, new=new, ended=ended)


def _ending(stop: int, count: int) -> Lane:
    return Lane(stop - count, stop)
