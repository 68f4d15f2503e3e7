"""A branch that is made once, however often the request for it comes: its key is remembered in the same commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Origin
from holdall.sessions.engine import Decision
from holdall.sessions.keys import Key, KeyMap, checked_key, fingerprint, key_record
from holdall.sessions.names import KEYS
from holdall.sessions.state import SessionStep, State

if TYPE_CHECKING:
    from holdall.sessions.branches.forking import Fork
    from holdall.sessions.branches.subs import Start
    from holdall.sessions.policy import SessionPolicy

__all__ = ["once"]

Made = tuple[Line, Origin]
_NOTHING = (0, 0)


def once(decide: Decision[Made], key: str, asked: Fork | Start, policy: SessionPolicy) -> Decision[Made | Key]:
    """``decide``, unless the request ``asked`` came with ``key`` before; then the answer is what is remembered of it.

    Raises ``KeyReused`` where the key came with another request.
    """
    checked_key(key, "an idempotency key")
    print_ = fingerprint(b"branch", msgspec.json.encode(msgspec.structs.replace(asked, expect=None)))

    def deciding(state: State, now: int) -> tuple[SessionStep | None, Made | Key]:
        keys = state.keys or KeyMap(0)
        oldest = now // 1000 - policy.keys_kept_for * 1000
        found = keys.find(key, print_, oldest)
        if found is not None:
            return None, found
        step, made = decide(state, now)
        if step is not None:
            step.remember(key_record(key, print_, now // 1000, _NOTHING, _NOTHING, made[1].branch))
            step.trim(KEYS, keys.stale(oldest))
        return step, made

    return deciding
