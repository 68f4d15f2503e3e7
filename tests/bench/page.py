"""The latest fifty messages of sessions that are short and long, as stored bytes and as Python objects: P4."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from holdall import Session
from tests.bench.backends import within
from tests.bench.corpus import encoded
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series, flatness, in_turn
from tests.bench.stores import folder_in, long_sessions

PAGE = 50
BASE = 1_000
"""The history whose page the others are compared with."""
_KINDS = {"bytes": "stored bytes", "objects": "objects"}


class PageFloor:
    """Fifty messages that lie together in one open file: read, split, and decoded."""

    def __init__(self, folder: Path) -> None:
        data = b"\n".join(encoded(number) for number in range(PAGE))
        self._size = len(data)
        (folder / "floor.page").write_bytes(data)
        self._file = os.open(folder / "floor.page", os.O_RDONLY)
        self._decode = msgspec.json.Decoder(dict).decode

    async def bytes(self, _turn: int) -> None:
        """Read and split."""
        os.pread(self._file, self._size, 0).split(b"\n")

    async def objects(self, _turn: int) -> None:
        """Read, split and decode."""
        for line in os.pread(self._file, self._size, 0).split(b"\n"):
            self._decode(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def run(backend: str, plan: Plan) -> list[Row]:
    """Read pages in turn with the floor."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    histories, left = within(backend, plan.histories)
    floor = PageFloor(folder)
    async with long_sessions(backend, folder, histories) as sessions:
        operations: dict[str, Operation] = {"bytes": floor.bytes, "objects": floor.objects}
        for history, session in sessions.items():
            operations[f"bytes {history}"] = _read(session, decoded=False)
            operations[f"objects {history}"] = _read(session, decoded=True)
        series = await in_turn(operations, plan.count, plan.seconds)
    floor.close()
    rows = [_row(backend, kind, history, series) for kind in _KINDS for history in histories]
    if BASE in histories and histories[-1] > BASE:
        rows += [_flat(backend, kind, histories[-1], series) for kind in _KINDS]
    return [*rows, *([skipped("page", backend, "history", left)] if left else [])]


def _read(session: Session, *, decoded: bool) -> Operation:
    wanted = min(PAGE, session.counts.messages)

    async def read(_turn: int) -> None:
        page = await session.history(limit=PAGE)
        got = [message.fields if decoded else message.raw for message in page.items]
        if len(got) != wanted:
            raise AssertionError(f"a page of {len(got)} messages, not {wanted}")

    return read


def _row(backend: str, kind: str, history: int, series: dict[str, Series]) -> Row:
    own, floor = series[f"{kind} {history}"], series[kind]
    more = {**own.numbers(), "floor": floor.numbers(samples=False)}
    case = f"history {history:,}, {_KINDS[kind]}"
    return Row("page", backend, case, own.median, "µs", own.median / floor.median, "pread + split", "", more)


def _flat(backend: str, kind: str, history: int, series: dict[str, Series]) -> Row:
    ratio, note = flatness(series[f"{kind} {history}"], series[f"{kind} {BASE}"])
    case = f"{history:,} against {BASE:,}, {_KINDS[kind]}"
    return Row("page", backend, case, None, "", ratio, f"history {BASE:,}", "P4", note=note)
