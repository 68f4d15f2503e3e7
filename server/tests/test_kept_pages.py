"""Pages that were sent before: sent again as they were, never when something has changed, never to others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import holdall

HELLO = {"role": "user", "content": "hello"}


async def lookups(site) -> dict[str, int]:
    text = (await site.client("root").get("/metrics")).text
    found = re.findall(r'^holdall_cache_lookups_total\{cache="pages",outcome="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {"hit": 0, **{outcome: int(float(count)) for outcome, count in found}}


async def filled(client, **fields) -> str:
    url = (await client.post("/api/sessions", json={"messages": [HELLO] * 3, **fields})).headers["location"]
    await client.post(f"{url}/messages", json={"tools": [{"tool": "ls"}], "originals": ["first"]})
    return url


@pytest.mark.covers("CV-15")
@pytest.mark.parametrize("page", ["history", "history?limit=2", "tools", "originals"])
async def test_a_page_is_sent_again_without_being_read(site, page):
    ana = site.client("ana")
    url = f"{await filled(ana)}/{page}"
    first = await ana.get(url)
    before = await lookups(site)
    read = (await site.client("root").get("/metrics")).text
    again = await ana.get(url)
    assert (again.status_code, again.content) == (200, first.content)
    assert {name: again.headers.get(name) for name in ("etag", "link")} == {
        name: first.headers.get(name) for name in ("etag", "link")
    }
    assert (await lookups(site))["hit"] == before["hit"] + 1
    pattern = r'holdall_storage_bytes_total\{.*direction="read"\} .*'
    assert re.findall(pattern, (await site.client("root").get("/metrics")).text) == re.findall(pattern, read)
    unchanged = await ana.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert unchanged.status_code == 304


@pytest.mark.covers("CV-15")
@pytest.mark.parametrize(
    ("page", "change"),
    [
        ("history", {"messages": [HELLO]}),
        ("tools", {"tools": [{"tool": "cat"}]}),
        ("originals", {"originals": ["second"]}),
    ],
)
async def test_what_was_written_is_seen_at_once(site, page, change):
    ana = site.client("ana")
    url = await filled(ana)
    for _ in range(3):
        shown = await ana.get(f"{url}/{page}")
        assert (await ana.post(f"{url}/messages", json=change)).status_code == 201
        now = await ana.get(f"{url}/{page}")
        assert len(now.json()["items"]) == len(shown.json()["items"]) + 1
        assert now.headers["etag"] != shown.headers["etag"]
    await ana.delete(f"{url}/history")
    assert (await ana.get(f"{url}/{page}")).json()["items"] == []


@pytest.mark.covers("CV-15")
async def test_what_another_process_wrote_is_seen_at_once(start, tmp_path: Path):
    options = {"use": "file", "options": {"path": str(tmp_path / "sessions")}}
    site = await start(options)
    ana = site.client("ana")
    url = await filled(ana)
    async with holdall.open({"storage": options}) as other:
        for count in range(4, 8):
            await ana.get(f"{url}/history")
            await other.append(url.rpartition("/")[2], [HELLO])
            assert len((await ana.get(f"{url}/history")).json()["items"]) == count
        await other.delete(url.rpartition("/")[2])
        assert (await ana.get(f"{url}/history")).status_code == 404


@pytest.mark.req("SEC-AUZ-06")
async def test_a_kept_page_is_shown_to_nobody_else(site):
    ana, bob = site.client("ana"), site.client("bob")
    url = f"{await filled(ana)}/history"
    for _ in range(2):
        assert (await ana.get(url)).status_code == 200
        assert (await bob.get(url)).status_code == 404
        assert (await site.client(None).get(url)).status_code == 401
        assert (await site.client("root").get(url)).status_code == 200


@pytest.mark.covers("LC-09")
@pytest.mark.parametrize("how", ["delete", "expire"])
async def test_a_kept_page_goes_with_its_session(site, how):
    ana = site.client("ana")
    url = await filled(ana, ttl=3600)
    assert (await ana.get(f"{url}/history")).status_code == 200
    if how == "delete":
        await ana.delete(url)
    else:
        engine = site.service.store.engine
        later = engine.clock.now() + 3_601_000_000
        engine.clock = type("Later", (), {"now": staticmethod(lambda: later)})()
        engine.presence._clock = engine.clock
    assert (await ana.get(f"{url}/history")).status_code == 404
