"""A history by role, tool, metadata and time over HTTP."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.covers("CV-14")


@pytest.fixture
def site(shared_site):
    return shared_site


def said(number):
    parts = [{"type": "tool_call", "id": "c", "name": "bash", "arguments": {}}]
    message = {"role": ("user", "assistant")[number % 2], "content": parts if number % 4 == 1 else f"m{number}"}
    return message | {"created_at": 1000 + number, "metadata": {"n": number % 3, "a&b": "c=d é"}}


@pytest.fixture
async def url(ana, session) -> str:
    url = f"/api/sessions/{session['id']}"
    made = await ana.post(f"{url}/messages", json={"messages": [said(number) for number in range(12)]})
    assert made.status_code == 201
    return f"{url}/history"


def numbers(answer):
    return [int(message["id"][-4:]) for message in answer.json()["items"]]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"role": "assistant"}, [1, 3, 5, 7, 9, 11]),
        ({"tool": "bash"}, [1, 5, 9]),
        ({"metadata": json.dumps({"n": 2})}, [2, 5, 8, 11]),
        ({"metadata": json.dumps({"n": 2, "a&b": "c=d é"}), "role": "user"}, [2, 8]),
        ({"since": 1009}, [9, 10, 11]),
        ({"since": 1003, "until": "msg_main_0000000006"}, [3, 4, 5]),
        ({"since": "msg_main_0000000009"}, [10, 11]),
    ],
)
async def test_those_that_are_asked_for_are_shown_page_by_page(ana, url, asked, wanted):
    assert numbers(await ana.get(url, params=asked)) == wanted
    page = await ana.get(url, params={**asked, "limit": 1})
    found = numbers(page)
    while 'rel="prev"' in page.headers.get("link", ""):
        page = await ana.get(re.findall('<([^>]+)>; rel="prev"', page.headers["link"])[0])
        assert page.status_code == 200
        found = numbers(page) + found
    assert found == wanted
    seen = {"If-None-Match": page.headers["etag"]}
    assert (await ana.get(url, params=asked, headers=seen)).status_code == 304


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"role": "nobody"}, 400),
        ({"since": "yesterday"}, 400),
        ({"until": "9" * 16}, 400),
        ({"metadata": "{"}, 400),
        ({"metadata": "[1]"}, 400),
        ({"since": "msg_main_0000000099"}, 404),
        ({"role": "user", "before": "msg_x_0000000001"}, 404),
        ({"metadata.n": "1"}, 400),
    ],
)
async def test_what_is_refused(ana, url, asked, status):
    assert (await ana.get(url, params=asked)).status_code == status
