"""Real transcripts on disk and read back, by how they are compressed: none, zlib, zstd, and with a dictionary."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import holdall
from holdall import Store
from holdall.clock import SystemClock
from holdall.opening import codec_of, decodable, open_storage
from holdall.plugins import Plugins
from holdall.settings import read_settings
from holdall.transfer.copying import Side, copy
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.reencoding import reencode
from holdall.transfer.targets import StoreTarget
from holdall.transfer.training import train
from tests.bench.backends import settings
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Series, in_turn
from tests.bench.stores import folder_in
from tests.bench.traces import DATA

PAGE = 50
_FILES_PER = 20
"""A plan of so many bytes reads one transcript."""
ZSTD = {"compression": {"use": "zstd"}}
KINDS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "zlib": {"compression": {"use": "zlib"}},
    "zstd": ZSTD,
    "zstd, dictionary, re-encoded": ZSTD,
    "zstd, dictionary, written so": ZSTD,
}
BASE, REENCODED, WRITTEN = "as it is", "zstd, dictionary, re-encoded", "zstd, dictionary, written so"


def run(backend: str, plan: Plan) -> list[Row]:
    """Fill a store of each kind with the same transcripts; then read the same pages from all of them, in turn."""
    files = sorted(DATA.glob("agents/**/*.jsonl*"))[: max(1, plan.bytes // _FILES_PER)] if DATA.is_dir() else []
    if not files:
        return [skipped("compressed", backend, "", "the real transcripts are not there", "missing")]
    with folder_in(plan.memory or plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder, files))


async def _measured(backend: str, plan: Plan, folder: Path, files: list[Path]) -> list[Row]:
    rows: list[Row] = []
    raw = 0
    for kind in KINDS:
        spent = time.process_time()
        more = await _made(kind, backend, folder, files)
        spent = time.process_time() - spent
        used = _bytes(folder / kind)
        raw = raw or used
        more |= {"cpu_s": round(spent, 2), "bytes": used}
        goal = "Z1" if kind in {REENCODED, WRITTEN} else ""
        rows.append(Row("compressed", backend, f"on disk, {kind}", used / 1e6, "MB", used / raw, BASE, goal, more))
    rows += await _first_pages(backend, plan, folder)
    for cached in (True, False):
        rows += await _pages(backend, plan, folder, cached=cached)
    return rows


async def _made(kind: str, backend: str, folder: Path, files: list[Path]) -> dict[str, Any]:
    """A store of a kind: imported, changed in place, or copied from one of those; and what was noted on the way."""
    if kind == BASE:
        async with holdall.open(_settings(backend, folder, kind)) as store:
            for path in files:
                await import_file(StoreTarget(store), path, Choices("ana"))
        return {}
    if kind == REENCODED:
        shutil.copytree(folder / BASE, folder / kind)
        async with _below(backend, folder, kind) as side:
            trained = await train(side.storage, side.codec, SystemClock(), seed=1)
        async with _below(backend, folder, kind) as side:
            done = await reencode(side.storage, side.codec)
        return {"trained": trained.as_dict(), "reencoded": done.as_dict()}
    source = REENCODED if kind == WRITTEN else BASE
    async with _below(backend, folder, source) as there, _below(backend, folder, kind) as here:
        return {"copied": (await copy(there, here)).copied}


@contextlib.asynccontextmanager
async def _below(backend: str, folder: Path, kind: str) -> AsyncIterator[Side]:
    """The storage of a store, and its codec."""
    plugins, asked = Plugins(), read_settings(_settings(backend, folder, kind))
    codec = codec_of(asked, plugins)
    storage = await open_storage(asked.storage, plugins)
    try:
        yield Side(await decodable(storage, codec, asked), codec)
    finally:
        await storage.close()


def _settings(backend: str, folder: Path, kind: str) -> dict[str, Any]:
    return {**settings(backend, folder / kind), **KINDS[kind], "sessions": {"sweep_every": 0}}


def _bytes(folder: Path) -> int:
    """Bytes of the sessions' logs, or of whatever a backend has instead."""
    logs = folder / "s"
    return sum(path.stat().st_size for path in (logs if logs.is_dir() else folder).rglob("*") if path.is_file())


@contextlib.asynccontextmanager
async def _opened(backend: str, folder: Path, *, cached: bool) -> AsyncIterator[dict[str, Store]]:
    async with contextlib.AsyncExitStack() as stack:
        stores: dict[str, Store] = {}
        for kind in KINDS:
            asked = _settings(backend, folder, kind)
            if not cached:
                asked["cache"] = {"max_bytes": 0}
            stores[kind] = await stack.enter_async_context(holdall.open(asked))
        yield stores


async def _first_pages(backend: str, plan: Plan, folder: Path) -> list[Row]:
    """The last page of every session, each for the first time since its store was opened."""
    series = {kind: Series() for kind in KINDS}
    for _ in range(max(1, plan.rounds // 2)):
        async with _opened(backend, folder, cached=True) as stores:
            ids = {kind: await _ids(store) for kind, store in stores.items()}
            for turn in range(len(ids[BASE])):
                for kind, store in stores.items():
                    await series[kind].measure(_read(store, ids[kind]), turn)
    if not series[BASE].wall:
        return [skipped("compressed", backend, f"last page of {PAGE}", "no session is that long")]
    return [
        _row(backend, f"last page of {PAGE}, first time, {kind}", one, series[BASE]) for kind, one in series.items()
    ]


async def _pages(backend: str, plan: Plan, folder: Path, *, cached: bool) -> list[Row]:
    """The last page of every session, by turns: from Holdall's cache, or from the storage each time."""
    async with _opened(backend, folder, cached=cached) as stores:
        ids = {kind: await _ids(store) for kind, store in stores.items()}
        if not ids[BASE]:
            return []
        series = await in_turn({kind: _read(stores[kind], ids[kind]) for kind in KINDS}, plan.count, plan.seconds)
    where = "again" if cached else "again, without a cache"
    return [_row(backend, f"last page of {PAGE}, {where}, {kind}", one, series[BASE]) for kind, one in series.items()]


async def _ids(store: Store) -> list[str]:
    """The sessions that have a page, in an order that is the same in every store."""
    found = [one for one in (await store.list(owner="ana", limit=500)).items if one.counts.messages >= PAGE]
    return [one.id for one in sorted(found, key=lambda one: (one.title or "", one.counts.messages))]


def _read(store: Store, ids: list[str]) -> Any:
    async def read(turn: int) -> None:
        await store.history(ids[turn % len(ids)], limit=PAGE)

    return read


def _row(backend: str, case: str, own: Series, base: Series) -> Row:
    goal = "Z2" if "dictionary" in case else ""
    more = own.numbers(samples=False)
    note = f"{own.cpu_mean / base.cpu_mean:.2f} x its CPU"
    return Row("compressed", backend, case, own.median, "µs", own.median / base.median, BASE, goal, more, note=note)
