"""What a store can do for those who follow a session. The work is in ``live/``, imported when somebody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall import sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from holdall.sessions.engine import Engine
    from holdall.sessions.live.following import Follower
    from holdall.sessions.live.notes import Change
    from holdall.sessions.reader import Check

__all__ = ["Following"]


class Following:
    """Following sessions: a part of ``Store``."""

    engine: Engine

    if TYPE_CHECKING:
        _check: Check

    def follow(self, session: str, after: str | None = None) -> AsyncGenerator[Change]:
        """Every change to a session, once and in the order in which they were stored, as they happen.

        ``after`` is the ``id`` of the last change that was seen, ``"0"`` the beginning. Without it what happens from
        now on is told, behind one change of type ``ready`` whose id is the place where that begins. Where what came
        after ``after`` is not kept any more, a change of type ``reset`` says so: read the session anew and go on.
        It ends when the session has ended, is deleted or expires. Raises ``NotFound``, at first or later, when there is
        no such session or the caller may not see it any more.
        """
        live = sessions.live
        return live.following.follow(self.engine, session, live.notes.place_of(after), self._check)

    async def follower(self, session: str, after: str | None = None) -> Follower:
        """One who follows a session as by ``follow``, a few changes at a time; to be closed."""
        live = sessions.live
        follower = live.following.Follower(self.engine, session, self._check)
        try:
            await follower.begin(live.notes.place_of(after))
        except BaseException:
            follower.close()
            raise
        return follower
