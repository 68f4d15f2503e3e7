"""One at a time per session within a process, so that its writers queue instead of colliding."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Turns"]


class Turns:
    """A fair lock per name, kept only while somebody holds it or waits.

    Whoever is not let in by ``begin`` awaits ``wait``; both are followed by ``end``. A turn that nobody else wants,
    which is nearly every one, costs two dictionary operations, which the engine makes in ``taken`` itself.
    """

    def __init__(self) -> None:
        self.taken: dict[str, deque[asyncio.Future[None]] | None] = {}
        """Who waits behind each turn that is taken; ``None``: nobody ever did."""

    def __len__(self) -> int:
        return len(self.taken)

    def begin(self, name: str) -> bool:
        """Take the turn of ``name``, if it is free."""
        if name in self.taken:
            return False
        self.taken[name] = None
        return True

    async def wait(self, name: str) -> None:
        """Take the turn of ``name`` behind everybody who has waited longer."""
        queue = self.taken[name]
        if queue is None:
            queue = self.taken[name] = deque()
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except BaseException:
            if not turn.cancel() and not turn.cancelled():  # it had come already
                self.end(name)
            raise

    def overtake(self, name: str) -> asyncio.Future[None] | None:
        """Go at once, beside whoever has the turn of ``name`` and before all who wait for it: they wait until its ``end``.

        Else they might go on and on while the one in a hurry still looks what there is.
        """
        if self.begin(name):
            return None
        queue = self.taken[name]
        if queue is None:
            queue = self.taken[name] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.appendleft(turn)
        return turn

    def end(self, name: str, overtook: asyncio.Future[None] | None = None) -> None:
        """Give the turn of ``name`` to whoever waits longest; ``overtook`` is what ``overtake`` returned."""
        if overtook is not None and overtook.cancel():
            return  # the turn is still another's
        queue = self.taken[name]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self.taken[name]
