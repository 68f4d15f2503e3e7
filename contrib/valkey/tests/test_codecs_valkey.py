"""Compression, encryption, new keys and re-encoding on a real Valkey: what was written before stays readable.

Covers SE-10, OP-11.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from pathlib import Path

import pytest

import holdall
from holdall.cli import main

WORDS = "a canary that repeats, a canary that repeats, a canary that repeats"
ZLIB = '[compression]\nuse = "zlib"\n'


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """Where the configuration goes, of a prefix that nobody used yet."""
    (tmp_path / "keys").touch(0o600)
    return tmp_path / "holdall.toml"


def configure(toml: Path, server: str, *, compressed: bool, encrypted: str) -> None:
    text = f'[storage]\nuse = "valkey"\noptions = {{ url = "{server}", prefix = "codecs" }}\n'
    if compressed:
        text += ZLIB
    if encrypted:
        text += f'[encryption]\nuse = "aesgcm"\nplaintext = "{encrypted}"\n[encryption.keys]\nuse = "file"\n'
        text += f'options = {{ path = "{toml.parent / "keys"}" }}\n'
    toml.write_text(text)


async def write(toml: Path) -> str:
    async with holdall.open(toml) as store:
        messages = [{"role": "user", "content": f"{number} {WORDS}"} for number in range(60)]
        return (await store.create(owner="ana", messages=messages)).id


async def read(toml: Path, session: str) -> list[str | None]:
    async with holdall.open(toml) as store:
        return [message.text for message in (await store.history(session, limit=100)).items]


async def stored(toml: Path) -> bytes:
    """Every record as it is in the storage."""
    from holdall.contract import Scan, Span  # noqa: PLC0415
    from holdall.opening import open_storage  # noqa: PLC0415
    from holdall.plugins import Plugins  # noqa: PLC0415
    from holdall.settings import read_settings  # noqa: PLC0415

    storage = await open_storage(read_settings(toml).storage, Plugins())
    try:
        found = await storage.scan(Scan(limit=1000, spans=(Span("messages/main"), Span("session"))))
        return b"\n".join(record for snapshot in found for record in snapshot.records.values())
    finally:
        await storage.close()


@pytest.mark.covers("OP-11", "SE-10")
def test_every_record_is_read_under_whatever_configuration_it_was_written(
    toml: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    expected = [f"{number} {WORDS}" for number in range(60)]
    sessions: list[str] = []
    (toml.parent / "keys").write_text(old)
    for compressed, encrypted in ((False, ""), (True, ""), (True, "accept"), (False, "accept")):
        configure(toml, server, compressed=compressed, encrypted=encrypted)
        sessions.append(asyncio.run(write(toml)))
        for session in sessions:
            assert asyncio.run(read(toml, session)) == expected
    assert WORDS.encode() in asyncio.run(stored(toml))  # so the search finds what is plaintext
    configure(toml, server, compressed=True, encrypted="accept")
    assert main(["--config", str(toml), "reencode", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["encrypted"] >= 2
    assert WORDS.encode() not in asyncio.run(stored(toml))
    (toml.parent / "keys").write_text(f"{new}\n{old}")
    assert main(["--config", str(toml), "keys", "rotate"]) == 0
    (toml.parent / "keys").write_text(new)
    configure(toml, server, compressed=False, encrypted="refuse")
    for session in sessions:
        assert asyncio.run(read(toml, session)) == expected
    assert main(["--config", str(toml), "verify"]) == 0
