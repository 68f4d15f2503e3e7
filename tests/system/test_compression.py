"""Compression, from the configuration to the disk and back, on every durable backend: HTTP, commands, and off again."""

from __future__ import annotations

import json
import random
from pathlib import Path

import httpx
import pytest

from holdall.cli import main
from tests.system.conftest import DURABLE, serving, write_config

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lnrst"]
PHRASE = "a phrase that is said in every message of the store, word by word"


def said(number: int) -> str:
    chance = random.Random(number)
    return f"{PHRASE}, and then {' '.join(chance.choices(WORDS, k=40))}"


def spoken(client: httpx.Client, session: str, start: int, stop: int) -> None:
    for number in range(start, stop):
        message = {"role": "user", "content": said(number)}
        client.post(f"/api/sessions/{session}/messages", json=message).raise_for_status()


def with_compression(config: Path, use: str | None) -> Path:
    plain = config.read_text().split("\n[compression]")[0]
    config.write_text(plain + ("" if use is None else f'\n[compression]\nuse = "{use}"\n'))
    return config


def everywhere(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def holdall(capfd):
    """Runs a command in this process; returns what it printed."""

    def run(*words: str, code: int = 0) -> str:
        capfd.readouterr()
        got = main(list(words))
        told = capfd.readouterr()
        assert got == code, told.out + told.err
        return told.err if code else told.out

    return run


@pytest.mark.covers("OP-11")
@pytest.mark.parametrize("backend", DURABLE)
def test_a_store_s_life_with_compression(backend, tmp_path, holdall):
    config, port = write_config(tmp_path, backend)
    on = ["--config", str(with_compression(config, "zstd"))]
    with serving(config, port) as server, server.client() as client:
        session = client.post("/api/sessions", json={}).raise_for_status().json()["id"]
        batch = {"messages": [{"role": "user", "content": said(number)} for number in range(120)]}
        client.post(f"/api/sessions/{session}/messages", json=batch).raise_for_status()
        spoken(client, session, 120, 125)
        page = client.get(f"/api/sessions/{session}/history?limit=5").raise_for_status().json()["items"]
        assert [message["content"] for message in page] == [said(number) for number in range(120, 125)]
    assert PHRASE.encode() not in everywhere(tmp_path / "store")
    told = holdall(*on, "export", session)

    trained = json.loads(holdall(*on, "train", "--seed", "7", "--json"))
    assert trained["new"] < trained["without"]
    moved = json.loads(holdall(*on, "reencode", "--json"))
    assert (moved["written"], moved["problems"]) == (125, [])
    assert moved["after"] < moved["before"]
    assert "wrote 0 of" in holdall(*on, "reencode")
    assert "0 problems" in holdall(*on, "verify")
    assert holdall(*on, "export", session) == told

    other = _other(tmp_path, "file" if backend != "file" else "diskcache")
    assert "0 problems" in holdall("copy", str(config), str(with_compression(other, "zstd")))
    assert holdall("--config", str(other), "export", session) == told

    holdall(*on, "backup", str(tmp_path / "backup"))
    third = _other(tmp_path, backend)  # whose configuration has no word about compression
    holdall("--config", str(third), "restore", str(tmp_path / "backup"))
    assert holdall("--config", str(third), "export", session) == told

    off = ["--config", str(with_compression(config, None))]
    assert holdall(*off, "export", session) == told
    zlib = ["--config", str(with_compression(config, "zlib"))]
    assert json.loads(holdall(*zlib, "reencode", "--json"))["written"] == 125
    assert holdall(*off, "export", session) == told
    assert "0 problems" in holdall(*off, "verify")
    assert "needs a compressor that takes one, such as zstd" in holdall(*zlib, "train", code=2)


def _other(folder: Path, backend: str) -> Path:
    """The configuration of another store."""
    folder = folder / f"other-{backend}"
    folder.mkdir()
    return write_config(folder, backend)[0]
