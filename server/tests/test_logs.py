"""What is logged: one line of JSON an event, whatever a client puts into it."""

from __future__ import annotations

import json
import logging

import pytest

from holdall_server.logs import JsonLines

HOSTILE = ["a\r\nfake: event", "\x1b[31mred\x1b]0;owned\x07", "\u2028line", "\u202eright to left", "nul\x00", "\ud800"]


@pytest.mark.req("SEC-INP-07")
@pytest.mark.parametrize("text", HOSTILE)
def test_an_event_is_one_line_of_plain_ascii(text: str) -> None:
    record = logging.LogRecord("holdall.server", logging.ERROR, __file__, 1, "bad URL: %s", (text,), None)
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == f"bad URL: {text}"


def test_a_trace_is_a_field_of_its_event() -> None:
    try:
        raise ValueError("two\nlines")  # noqa: TRY301
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    line = JsonLines().format(logging.LogRecord("holdall", logging.ERROR, __file__, 1, "failed", (), info))
    assert "\n" not in line
    assert json.loads(line)["trace"].endswith("two\nlines")


async def test_an_access_log_tells_of_each_answer(start, caplog) -> None:
    site = await start(server={"access_log": True})
    with caplog.at_level(logging.INFO, "sanic.access"):
        answer = await site.client("ana").get("/api/sessions")
    told = [vars(record) for record in caplog.records if record.name == "sanic.access"]
    assert [(one["status"], one["byte"]) for one in told] == [(200, len(answer.content))]
    assert told[0]["request"] == f"GET {site.url}/api/sessions"
