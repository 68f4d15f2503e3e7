"""Bytes on disk per message, against the messages as plain JSON."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.backends import opened, persistent
from tests.bench.corpus import encoded, message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.stores import OWNER, folder_in


def run(backend: str, plan: Plan) -> list[Row]:
    """One session, appended to one by one, then closed; beside one without a message."""
    if not persistent(backend):
        return [skipped("bytes", backend, "per message", "it keeps nothing on disk")]
    with folder_in(plan.memory or plan.folder) as folder:
        nothing, full = (_measured(backend, folder / str(count), count) for count in (0, plan.bytes))
    raw = sum(len(encoded(number)) for number in range(plan.bytes)) / plan.bytes
    used, allocated = ((after - before) / plan.bytes for before, after in zip(nothing[:2], full[:2], strict=True))
    more = {
        "files": full[2],
        "allocated_per_message": round(allocated, 1),
        "raw_per_message": round(raw, 1),
        "without_messages": nothing[0],
    }
    case = f"per message of {plan.bytes:,}"
    return [Row("bytes", backend, case, used, "B", used / raw, "plain JSON", "", more)]


def _measured(backend: str, folder: Path, count: int) -> tuple[int, int, int]:
    """The bytes in files, those that are allocated, and how many files there are, with so many messages."""
    folder.mkdir()
    asyncio.run(_written(backend, folder, count))
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(file.st_size for file in files), 512 * sum(getattr(file, "st_blocks", 0) for file in files), len(files)


async def _written(backend: str, folder: Path, count: int) -> None:
    async with opened(backend, folder) as store:
        session = await store.create(owner=OWNER)
        for number in range(count):
            await session.append(message(number))
