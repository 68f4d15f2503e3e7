"""States that sessions share: an app's, and a user's of an app. Each is a session whose newest message has it whole."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from json import dumps
from typing import Any

from holdall import Conflict, NotFound, Store
from holdall_google_adk.walking import latest

__all__ = ["States", "hashed", "tag"]


class States:
    """The shared states in ``store``, of ``owner``."""

    def __init__(self, store: Store, owner: str | None) -> None:
        self._store = store
        self._owner = owner

    async def read(self, *whose: str) -> dict[str, Any]:
        """The state of an app, or of an app and a user."""
        found = await self._store.find(owner=self._owner, key=_key(whose))
        if found is None:
            return {}
        try:
            return (await latest(self._store, found.id))[0]["state"]
        except NotFound:  # it went meanwhile
            return {}

    async def change(self, changes: Mapping[str, Any], *whose: str) -> None:
        """Put ``changes`` into a state."""
        if not changes:
            return
        about = {"tags": [tag("state", *whose)], "metadata": {"state_of": list(whose)}}
        message = {"role": "system", "content": "", "state": dict(changes)}
        while True:
            session = await self._store.get_or_create(owner=self._owner, key=_key(whose), messages=[message], **about)
            if session.new:
                return
            with suppress(Conflict, NotFound):  # somebody else changed it meanwhile, or it was deleted
                before, version = await latest(self._store, session.id)
                message = {"role": "system", "content": "", "state": {**before["state"], **changes}}
                await session.append(message, expect=version)
                return


def hashed(*parts: str) -> str:
    """A short name for some texts."""
    return sha256(dumps(parts).encode()).hexdigest()[:40]


def tag(*parts: str) -> str:
    """A tag for what belongs to some names."""
    return f"adk:{hashed(*parts)}"


def _key(whose: tuple[str, ...]) -> str:
    return f"adk/state/{hashed(*whose)}"
