"""Sessions as lists showed them, so that those which have not changed are not decoded again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Protocol

from holdall.contract import Snapshot
from holdall.sessions.names import SESSION
from holdall.sessions.state import State

__all__ = ["Listed"]

_KEPT = 4096
_RECORD = (SESSION, 0)


class _Opened(Protocol):
    @property
    def state(self) -> State: ...


class Listed:
    """States by partition, each with the snapshot that it was decoded from."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[Snapshot, State]] = {}

    def __len__(self) -> int:
        return len(self._states)

    def same(self, snapshot: Snapshot) -> State | None:
        """The session of a snapshot, if it is the very one that was decoded last."""
        known = self._states.get(snapshot.head.partition)
        return known[1] if known is not None and known[0] is snapshot else None

    def state(self, snapshot: Snapshot, opened: Callable[[Snapshot], _Opened]) -> State:
        """The session of a snapshot, decoded by ``opened`` when its record is another; raises ``Damaged``."""
        head, record = snapshot.head, snapshot.records.get(_RECORD)
        known = self._states.get(head.partition)
        if known is None or record is None or known[0].records.get(_RECORD) != record:
            state = opened(snapshot).state
        else:
            state = State(head, known[1].record)
        self._states[head.partition] = (snapshot, state)
        if len(self._states) > _KEPT:
            for old in list(islice(self._states, _KEPT // 8)):
                del self._states[old]
        return state

    def drop(self, partition: str) -> None:
        """Keep nothing of a session that is gone."""
        self._states.pop(partition, None)
