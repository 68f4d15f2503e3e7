"""Searching on the command line.

Covers CV-06.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import holdall
from holdall.cli import main

CARDS = Path(__file__).parents[2] / "docs/examples/cards.py"


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "holdall.toml"
    file.write_text(
        f'plugins = ["{CARDS}"]\n[storage]\nuse = "file"\noptions = {{ path = "{tmp_path / "data"}" }}\n'
        '[search]\nuse = "cards"\n'
    )

    async def fill():
        async with holdall.open(file) as store:
            said = [{"role": "user", "content": f"hello\x1b[31m {n}", "created_at": n * 1000} for n in range(30)]
            await store.create(owner="ana", title="A title", messages=said)

    asyncio.run(fill())
    return file


@pytest.mark.parametrize("time", ["yesterday", "9999-99-99"])
def test_a_time_that_is_none_is_told_with_one_that_is(config, capsys, time):
    assert main(["--config", str(config), "search", "hello", "--since", time]) == 2
    assert "must be a time such as 2026-01-31T12:00" in capsys.readouterr().err


def test_search(config, capsys):
    assert main(["--config", str(config), "search", "hello", "--limit", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert "msg_main_0000000029" in lines[0]
    assert lines[0].endswith("user  A title")
    assert lines[1] == "    hello [31m 29"
    asked = ["search", '"31m 7"', "--json", "--role", "user", "--since", "1970-01-01T00:00", "--order", "best"]
    assert main(["--config", str(config), *asked]) == 0
    (match,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (match["id"], match["created_at"]) == ("msg_main_0000000007", 7000)
    assert main(["--config", str(config), "search", "nothing"]) == 0
    assert capsys.readouterr().out == ""


def test_what_is_wrong_is_named_as_it_was_typed(config, capsys):
    for words, line in (
        (
            ["x", "--role", "usr"],
            "--role: must be one of system, developer, user, assistant, tool; did you mean 'user'?",
        ),
        (["..."], "query: there is no word in it to look for"),
    ):
        assert main(["--config", str(config), "search", *words]) == 1
        assert capsys.readouterr().err == f"holdall: {line}\n"


def test_reindex(config, capsys):
    assert main(["--config", str(config), "reindex"]) == 0
    assert capsys.readouterr().out == "the search index has everything\n"
    config.write_text(config.read_text().replace('use = "cards"', ""))
    assert main(["--config", str(config), "reindex"]) != 0
    assert "no search index" in capsys.readouterr().err
