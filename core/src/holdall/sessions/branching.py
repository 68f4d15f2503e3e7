"""What a store can do with branches. The work is in ``branches/``, which is imported when somebody has one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from holdall import sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.sessions.branches.forking import Fork
    from holdall.sessions.branches.line import Line
    from holdall.sessions.branches.origins import Origins
    from holdall.sessions.branches.subs import Start
    from holdall.sessions.branches.views import Branch, Comparison
    from holdall.sessions.engine import Decision, Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.session import Session
    from holdall.sessions.state import State
    from holdall.sessions.views import Message, Page

__all__ = ["Branching"]

_SAME: Any = object()
"""Stands for a field that is not given."""


class Branching:
    """The operations on branches: a part of ``Store``."""

    engine: Engine
    by: str
    """Who is said to have done what this store does."""

    if TYPE_CHECKING:
        _check: Check

        def _guarded(self, decide: Decision[Any]) -> Decision[Any]: ...
        def _limit(self, limit: int) -> int: ...
        def _session(self, state: State) -> Session: ...
        def _tell(self, kind: Any, state: State, messages: Sequence[Message] = ()) -> None: ...

    async def fork(  # noqa: PLR0913 - each is a thing that a caller may say
        self,
        session: str,
        *,
        at: str | None = None,
        before: str | None = None,
        name: str | None = None,
        title: str | None = None,
        switch: bool = False,
        key: str | None = None,
        expect: int | None = None,
    ) -> Branch:
        """Make a branch that has every message up to and including ``at``, or all that come ``before`` one.

        Without either it has what the session shows now. No message is copied. Without a ``name`` it gets one. With
        ``switch`` the session shows it from now on. Raises ``Invalid`` for a name that is, or was, another branch's.
        With a ``key`` a repeated request makes no other branch (``replayed``).
        """
        forking = sessions.branches.forking
        asked = forking.Fork(at, before, name, title, switch, self.by, expect)
        origins: Origins = {}
        return await self._made(session, origins, forking.forking(asked, self.engine.policy, origins), asked, key)

    async def start_sub(  # noqa: PLR0913 - each is a thing that a caller may say
        self,
        session: str,
        under: str,
        *,
        kind: str | None = None,
        call: str | None = None,
        name: str | None = None,
        title: str | None = None,
        key: str | None = None,
        expect: int | None = None,
    ) -> Branch:
        """Start a sub-conversation ``under`` a message, by its id, or under a branch as a whole, by its name.

        It is a branch with no messages yet, to be read and added to by its name, which begins with ``sub-``. ``kind``
        says who or what speaks in it, ``call`` which tool call started it. It is deleted with the branch that it is
        under, and comes back with it. ``key`` is as in ``fork``.
        """
        subs = sessions.branches.subs
        asked = subs.Start(under, kind, call, name, title, self.by, expect)
        return await self._made(session, {}, subs.starting(asked, self.engine.policy), asked, key)

    async def branches(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        session: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        deleted: bool = False,
        subs: bool = False,
        under: str | None = None,
    ) -> Page[Branch]:
        """Branches by name, ``main`` first: those that are there, or those that were ``deleted``.

        With ``subs`` the sub-conversations instead; with ``under`` those of them that are under a message, by its id,
        or under a branch and its messages, by its name.
        """
        listing, limit = sessions.branches.listing, self._limit(limit)
        asked = listing.Asked(limit, cursor, deleted, subs or under is not None, under)
        return await listing.branches(self.engine, session, asked, self._check)

    async def branch(self, session: str, branch: str) -> Branch:
        """One branch, also one that was deleted."""
        return await sessions.branches.listing.branch(self.engine, session, branch, self._check)

    async def update_branch(
        self, session: str, branch: str, *, title: str | None = _SAME, expect: int | None = None
    ) -> Branch:
        """Change a branch's ``title``. Its name is in the ids of its messages, and stays."""
        if title is not _SAME:
            origins: Origins = {}
            decide = sessions.branches.moving.titling(branch, title, expect, self.engine.policy, origins)
            await self._moved(session, origins, decide)
        return await self.branch(session, branch)

    async def delete_branch(self, session: str, branch: str, *, expect: int | None = None) -> Session:
        """Delete a branch: it is listed among the deleted, and refused elsewhere. Nothing of it is erased.

        The sub-conversations under it go with it. Branches that were made from it keep all their messages.
        ``restore_branch`` brings it back.
        """
        origins: Origins = {}
        await sessions.branches.subs.learn(self.engine, session, origins, self._check)
        decide = sessions.branches.moving.deleting(branch, self.by, expect, origins)
        return await self._moved(session, origins, decide)

    async def restore_branch(self, session: str, branch: str, *, expect: int | None = None) -> Session:
        """Bring a deleted branch back as it was, and the sub-conversations that went with it."""
        subs = sessions.branches.subs
        while True:
            deletions = await subs.told_deletions(self.engine, session, self._check)
            try:
                return await self._moved(session, {}, sessions.branches.moving.restoring(branch, expect, deletions))
            except subs.Untold:
                continue

    async def switch(self, session: str, branch: str, *, expect: int | None = None) -> Session:
        """Make ``branch`` the current one: what is read and added to where nobody names a branch."""
        return await self._moved(session, {}, sessions.branches.moving.switching(branch, expect))

    async def revert(self, session: str, to: str, *, branch: str | None = None, expect: int | None = None) -> Session:
        """End what the session shows at the message ``to``, of ``branch`` or of the current branch. Nothing is lost.

        What is appended then goes to a new branch from there, which becomes the current one.
        """
        origins: Origins = {}
        return await self._moved(session, origins, sessions.branches.moving.reverting(to, branch, expect, origins))

    async def unrevert(self, session: str, *, expect: int | None = None) -> Session:
        """Take the last revert back: show all of the branch that it was a revert of. Raises ``Invalid`` without one."""
        origins: Origins = {}
        return await self._moved(session, origins, sessions.branches.moving.unreverting(expect, origins))

    async def compare(self, session: str, branch: str, other: str | None = None, *, limit: int = 50) -> Comparison:
        """The last message that two branches have in common, and what each has after it, ``limit`` messages at most.

        Without ``other``, ``branch`` is compared with the current one.
        """
        limit = self._limit(limit)
        return await sessions.branches.comparing.compare(self.engine, session, branch, other, limit, self._check)

    async def line(self, session: str, branch: str | None = None, at: State | None = None) -> Line:
        """Where the messages of a branch lie, or of what the session shows: now, or as it was ``at`` a moment."""
        return await sessions.branches.pages.line(self.engine, session, branch, self._check, at)

    async def _moved(self, session: str, origins: Origins, decide: Decision[None]) -> Session:
        state, _ = await self._deciding(session, origins, decide)
        self._tell("updated", state)
        return self._session(state)

    async def _made(
        self, session: str, origins: Origins, decide: Decision[Any], asked: Fork | Start, key: str | None
    ) -> Branch:
        """Make a branch, unless it was made before."""
        if key is not None:
            decide = sessions.branches.once.once(decide, key, asked, self.engine.policy)
        state, made = await self._deciding(session, origins, decide, keyed=key is not None)
        from holdall.sessions.keys import Key  # noqa: PLC0415 - imported by who made it

        if isinstance(made, Key):
            return msgspec.structs.replace(await self.branch(session, made.branch), replayed=True)
        self._tell("forked", state)
        return sessions.branches.views.told(state, *made)

    async def _deciding(
        self, session: str, origins: Origins, decide: Decision[Any], *, keyed: bool = False
    ) -> tuple[State, Any]:
        engine, guarded = self.engine, self._guarded(decide)
        knowing = sessions.branches.origins.knowing
        change = partial(engine.change, session, guarded, keyed=keyed)
        return await knowing(engine, session, origins, self._check, change)
