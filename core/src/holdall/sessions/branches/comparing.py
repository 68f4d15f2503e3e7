"""Two branches side by side: the last message that both have, and what each has after it."""

from __future__ import annotations

import msgspec

from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Origins, check_live, knowing, line_of, shown
from holdall.sessions.branches.views import Comparison, Side
from holdall.sessions.engine import Engine
from holdall.sessions.parts.joining import settled, whole_page
from holdall.sessions.reader import Check, View
from holdall.sessions.views import Message, Page

__all__ = ["compare"]


async def compare(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, left: str, right: str | None, limit: int, check: Check
) -> Comparison:
    """What two branches have in common, and what differs; see ``Store.compare``."""
    origins = Origins()

    async def attempt() -> Comparison | None:
        state = await engine.current(session, check)
        lines = [line_of(state.head, shown(state, name).branch, origins) for name in (left, right)]
        met = lines[0].meet(lines[1])
        parts = [line.spans(_start(line, met), _start(line, met) + limit) for line in lines]
        moment = await engine.view(session, *parts[0], *parts[1], check=check)
        head = moment.state.head
        now = [line_of(head, line.branch, origins) for line in lines]
        if [line.base for line in now] != [line.base for line in lines]:
            return None
        for line in now:
            check_live(head, line.branch)
        one, two = (
            _side(moment, line, _start(line, met), [raw for span in part for raw in moment.run(span)])
            for line, part in zip(now, parts, strict=True)
        )
        return Comparison(None if met is None else lines[0].id_at(met - 1), one, two, head.changed)

    async def read() -> Comparison:
        while True:
            found = await knowing(engine, session, origins, check, attempt)
            if found is not None:
                return found

    async def fill(found: Comparison) -> Comparison:
        one, two = [await _whole(engine, session, side, check) for side in (found.left, found.right)]
        return msgspec.structs.replace(found, left=one, right=two)

    return await settled(await read(), read, fill)


async def _whole(engine: Engine, session: str, side: Side, check: Check) -> Side:
    page = await whole_page(engine, session, side.page, check, forwards=True)
    return msgspec.structs.replace(side, page=page)


def _start(line: Line, met: int | None) -> int:
    return line.first if met is None else met


def _side(moment: View, line: Line, start: int, records: list[bytes]) -> Side:
    items = [Message(raw) for raw in records]
    following = items[-1].id if items and start + len(items) < line.stop else None
    return Side(line.branch, line.stop - start, Page(items, following, version=moment.state.head.changed))
