"""Two processes have large parts come and go in one session: no reference dangles, and every count is right."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

import holdall
from holdall.contract import Span
from holdall.sessions.steps import Step
from tests.system.conftest import holdall as command
from tests.system.parting import LARGE, LARGE_FROM


def write_config(folder: Path) -> Path:
    config = folder / "holdall.toml"
    config.write_text(
        f'[sessions]\nlarge_part_bytes = {LARGE_FROM}\nsweep_every = 0\n[storage]\nuse = "file"\n'
        f'[storage.options]\npath = "{folder / "store"}"\n'
    )
    return config


def play(config: Path, session: str, seed: int, steps: int, processes: int = 2) -> list[dict[str, Any]]:
    arguments = [sys.executable, "-m", "tests.system.parting", str(config), session]
    players = [
        subprocess.Popen(
            [*arguments, f"{seed} {number}", str(steps)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(processes)
    ]
    try:
        for player in players:
            assert player.stdout is not None
            assert player.stdout.readline() == "open\n"
        for player in players:
            assert player.stdin is not None
            player.stdin.write("go\n")
            player.stdin.flush()
        return [json.loads(player.communicate(timeout=300)[0]) for player in players]
    finally:
        for player in players:
            player.kill()
            player.wait()


async def counted(store: holdall.Store, session: str) -> tuple[list[str], Counter[str], Counter[str]]:
    """References to what is not there; and how many there are to each part, by what is seen and by what was redacted."""
    storage, partition = store.engine.storage, f"session/{session}"
    snapshot = await storage.load(partition)
    assert snapshot is not None
    lanes = [name for name in snapshot.head.lanes if name.startswith("messages/") or name in ("edits", "redacted")]
    records = (await storage.load(partition, *map(Span, lanes))).records  # type: ignore[union-attr]
    shown, hidden = Counter[str](), Counter[str]()
    for (lane, _), raw in records.items():
        said: Any = json.loads(raw)
        if lane == "redacted":
            said = None if said is None else said["data"]
        told = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
        (hidden if lane == "redacted" else shown).update(each["hash"] for each in told.get("large_parts", ()))
    dangling: list[str] = []
    for hash_ in shown:
        try:
            assert (await (await store.part(session, hash_)).read()).decode() in LARGE
        except holdall.NotFound:
            dangling.append(hash_)
    return dangling, shown, hidden


async def judged(config: Path, session: str) -> list[str]:
    """What is wrong with the session."""
    async with holdall.open(config) as store:
        dangling, shown, hidden = await counted(store, session)
        told = {part.hash: part.references for part in await store.parts(session)}
        chunks = (await store.engine.storage.load(f"session/{session}", Span("chunks"))).records  # type: ignore[union-attr]
        there = [json.loads(raw) for raw in chunks.values()]
        faults = [f"{hash_} dangles" for hash_ in dangling]
        if told != dict(shown):
            faults.append(f"the counts are {told}, and there are {dict(shown)}")
        if len([text for text in there if text is not None]) != len({*shown, *hidden}):
            faults.append(f"{len(there)} chunks for {len({*shown, *hidden})} parts")
    return faults


@pytest.mark.covers("CV-11", "ST-13")
def test_no_reference_dangles_whoever_erases(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    config = write_config(tmp_path)
    session = asyncio.run(begun(config))
    told = play(config, session, seed, 60)
    assert asyncio.run(judged(config, session)) == []
    assert [each["dangling"] for each in told] == [[], []]
    assert all(each["done"]["purge"] and each["done"]["append"] for each in told)
    command("--config", str(config), "verify")


@pytest.mark.covers("CV-11", "ST-13")
def test_a_part_that_goes_alone_is_seen(tmp_path: Path) -> None:
    """The control: what a purge in the wrong order would leave."""
    config = write_config(tmp_path)
    session = asyncio.run(begun(config))
    play(config, session, 1, 20, processes=1)
    assert asyncio.run(judged(config, session)) == []
    dangling = asyncio.run(without_its_part(config, session))
    assert any(fault == f"{dangling} dangles" for fault in asyncio.run(judged(config, session)))


async def without_its_part(config: Path, session: str) -> str:
    """Append a message with a large part, and take the part away below the store; its hash."""
    async with holdall.open(config) as store:
        before = {part.hash for part in await store.parts(session)}
        said = [{"type": "text", "text": "x" * 3 * LARGE_FROM}]
        await store.append(session, [{"role": "user", "content": said}], branch="main")
        (new,) = {part.hash for part in await store.parts(session)} - before
        storage, partition = store.engine.storage, f"session/{session}"
        found = await storage.load(partition, Span("chunks", -1))
        assert found is not None
        ((address, _),) = found.records.items()
        step = Step.begin(partition, found.head, store.engine.clock.now())
        step.rewrite(*address, b"null")
        await storage.commit(step.commit(store.engine.codec))
        return new


async def begun(config: Path) -> str:
    async with holdall.open(config) as store:
        return (await store.create(owner="ana", messages=[{"role": "user", "content": "first"}])).id
