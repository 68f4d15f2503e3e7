"""The items of a session from the newest to the oldest, read a page at a time.

Nothing is rewritten: taking an item back is a record that says so, and an item too large for one message is several
in a row. Reading backwards meets both before what they are about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from holdall import Message, Store
from holdall_openai_agents.items import item_of, role_of

__all__ = ["Walk", "pieces", "taken_back"]

_PIECE = 96 << 10
"""Characters of an item in one message; escaped twice, they stay below the default limit of a message."""
_MOST = 500


def taken_back(first: str) -> dict[str, Any]:
    """The message which says that the item from the message ``first`` on, and all after it, were taken back."""
    return {"role": "system", "content": f"Taken back: {first}", "taken_back": first}


def pieces(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """``item`` as several messages in a row, each with a part of its JSON."""
    text = json.dumps(item)
    starts = range(0, len(text), _PIECE)
    for number, start in enumerate(starts, 1):
        part = {"type": "data", "data": text[start : start + _PIECE]}
        yield {"role": role_of(item), "content": [part], "piece": [number, len(starts)]}


class Walk:
    """A way back through one session, as it was when its first page was read."""

    def __init__(self, store: Store, session: str, most: int | None = None) -> None:
        self._store = store
        self._session = session
        self._limit = _MOST if most is None else min(most, _MOST)
        self._restart()

    def _restart(self) -> None:
        self._page: list[Message] = []
        self._before: str | None = None
        self._ended = self._cut = False
        self.version: int | None = None
        """The version of the session that the walk is of, once it has begun."""

    async def items(self, most: int | None) -> list[Any]:
        """The newest items, ``most`` of them if there are as many, oldest first."""
        while True:
            found: list[Any] = []
            while most is None or len(found) < most:
                entry = await self.item()
                if entry is None:
                    break
                found.append(entry[0])
            if not self._cut:
                return found[::-1]
            self._restart()  # it was cleared meanwhile

    async def item(self) -> tuple[Any, str] | None:
        """The next item, and the id of its first message."""
        while (message := await self._next()) is not None:
            if "taken_back" in message:
                self._skip(message["taken_back"])
            elif "piece" in message:
                texts = [message["content"][0]["data"]]
                while message["piece"][0] > 1:
                    before = await self._next()
                    if before is None:
                        return None
                    message = before
                    texts.append(message["content"][0]["data"])
                return json.loads("".join(reversed(texts))), message.id
            else:
                return item_of(message), message.id
        return None

    async def _next(self) -> Message | None:
        while not self._page:
            if self._ended:
                return None
            page = await self._store.history(self._session, limit=self._limit, before=self._before)
            self.version = page.version if self.version is None else self.version
            self._page = list(page.items)
            self._ended = page.previous is None
            if page.items:
                self._before = page.items[0].id
            else:
                self._cut = page.version != self.version
        return self._page.pop()

    def _skip(self, first: str) -> None:
        """Go on with what comes before the message ``first``."""
        while self._page:
            if self._page.pop().id == first:
                return
        self._before, self._ended = first, False
