"""P11: what encryption costs of the processor for each message, beside what openai-agents' Fernet wrapper does.

Ours is the difference between a store with encryption and one without, on memory, in the same blocks; theirs is all that
their wrapper does around a list. No cache of decrypted records is in the way: pages are read from the storage.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import holdall
from holdall import Session, Store
from holdall.contract import Span
from tests.bench.corpus import message
from tests.bench.meeting import blocks
from tests.bench.peers.process import peer
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import Operation, Series

_PAGE = 50
_VARIABLE = "BENCH_KEYS"
_CASES = {"append 1": 1, "append 10": 10, f"last {_PAGE}": _PAGE, f"a turn: last {_PAGE}, append 2": _PAGE + 2}
"""The messages that each case touches."""


def _operations(store: Store, session: Session) -> dict[str, Operation]:
    storage, partition = store.engine.storage, f"session/{session.id}"

    async def one(turn: int) -> None:
        await session.append(message(turn))

    async def ten(turn: int) -> None:
        await session.append([message(10 * turn + at) for at in range(10)])

    async def page(_turn: int) -> None:
        found = await storage.load(partition, Span("messages/main", -_PAGE))
        if found is None or len(found.records) != _PAGE:
            raise AssertionError("not the page that was asked for")

    async def turn(number: int) -> None:
        await page(number)
        await session.append([message(2 * number + at) for at in range(2)])

    return dict(zip(_CASES, (one, ten, page, turn), strict=True))


async def costs(folder: Path, plan: Plan) -> list[Row]:
    """The same conversation in both, and in theirs."""
    os.environ[_VARIABLE] = base64.b64encode(secrets.token_bytes(32)).decode()
    keys = {"use": "env", "options": {"variable": _VARIABLE}}
    plain = {"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}
    async with (
        holdall.open(plain) as without,
        holdall.open(plain | {"encryption": {"use": "aesgcm", "keys": keys}}) as own,
    ):
        ours: dict[str, Operation] = {}
        for name, store in (("plain", without), ("sealed", own)):
            session = await store.create(owner="bench")
            await session.append([message(at) for at in range(200)])
            ours |= {f"{name} {case}": operation for case, operation in _operations(store, session).items()}
        with peer("openai-encrypted", folder / "peer") as other:
            other.ask("fill", name="s", count=200)
            asked = [
                ("append 1", "append", {"name": "s", "first": 0}),
                (f"last {_PAGE}", "tail", {"name": "s", "count": _PAGE}),
                (f"a turn: last {_PAGE}, append 2", "turn", {"name": "s", "count": _PAGE, "first": 0}),
            ]
            series = await blocks(ours, {other: asked}, plan)
    return [_row(case, series, other.series) for case in _CASES]


def _row(case: str, ours: dict[str, Series], theirs: dict[str, Series]) -> Row:
    messages = _CASES[case]
    cost: Callable[[Series], float] = lambda series: series.cpu_median / messages  # noqa: E731
    own = cost(ours[f"sealed {case}"]) - cost(ours[f"plain {case}"])
    other = theirs["append 1"].cpu_median if case == "append 10" else theirs[case].cpu_median / messages
    more = {
        "cpu_us_a_message": {
            "sealed": round(cost(ours[f"sealed {case}"]), 2),
            "plain": round(cost(ours[f"plain {case}"]), 2),
            "openai-encrypted": round(other, 2),
        }
    }
    return Row(
        "encryption", "memory", case, own, "µs CPU a message", other / own, "the cost of openai-encrypted", "P11", more
    )
