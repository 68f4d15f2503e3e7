"""The server on an encrypted store: the same answers, and nothing to be read in the data folder.

Covers SE-10.
"""

import secrets

import pytest


@pytest.mark.req("SEC-CRY-06")
async def test_the_api_is_the_same(start, tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_KEYS", secrets.token_hex(32))
    storage = {"use": "file", "options": {"path": str(tmp_path / "data")}}
    encryption = {"use": "aesgcm", "keys": {"use": "env", "options": {"variable": "TEST_KEYS"}}}
    site = await start(storage, encryption=encryption)
    ana, bob = site.client("ana"), site.client("bob")
    made = (await ana.post("/api/sessions", json={"title": "canary", "metadata": {"canary": 1}})).json()
    path = f"/api/sessions/{made['id']}"
    for n in range(3):
        answer = await ana.post(f"{path}/messages", json={"role": "user", "content": f"canary {n}"})
        assert answer.status_code == 201
    page = (await ana.get(f"{path}/history", params={"limit": 2})).json()
    assert [item["content"] for item in page["items"]] == ["canary 1", "canary 2"]
    assert [item["title"] for item in (await ana.get("/api/sessions")).json()["items"]] == ["canary"]
    assert (await bob.get(path)).status_code == 404
    assert b"canary" not in b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert (await ana.delete(path)).status_code == 204
    assert (await ana.get(path)).status_code == 404
