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
    """One session, appended to one by one, then closed."""
    if not persistent(backend):
        return [skipped("bytes", backend, "per message", "it keeps nothing on disk")]
    with folder_in(plan.memory or plan.folder) as folder:
        asyncio.run(_written(backend, folder, plan.bytes))
        files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    raw = sum(len(encoded(number)) for number in range(plan.bytes)) / plan.bytes
    used = sum(file.st_size for file in files) / plan.bytes
    blocks = sum(getattr(file, "st_blocks", 0) for file in files) * 512 / plan.bytes
    more = {"files": len(files), "allocated_per_message": round(blocks, 1), "raw_per_message": round(raw, 1)}
    case = f"per message of {plan.bytes:,}"
    return [Row("bytes", backend, case, used, "B", used / raw, "plain JSON", "", more)]


async def _written(backend: str, folder: Path, count: int) -> None:
    async with opened(backend, folder) as store:
        session = await store.create(owner=OWNER)
        for number in range(count):
            await session.append(message(number))
