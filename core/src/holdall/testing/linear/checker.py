"""Wing and Gong's search with Lowe's memory: is there an order of the calls that the model agrees with?"""

from __future__ import annotations

from collections.abc import Sequence

from holdall.testing.linear.history import Call
from holdall.testing.linear.model import State, after

__all__ = ["explained", "linearizable"]

_NEVER = 1 << 100
_MOST = 5_000_000
"""Configurations after which it gives up, with an error: an undecided history proves nothing."""


def linearizable(calls: Sequence[Call]) -> bool:
    """Whether the calls on one key can have happened one after the other, each between its beginning and its end."""
    return not explained(calls)


def explained(calls: Sequence[Call]) -> str:
    """Why the calls cannot have happened in any order, as far as the search came; empty when they can."""
    calls = sorted(calls, key=lambda call: call.begun)
    wanted = sum(1 << n for n, call in enumerate(calls) if call.ended is not None)
    todo, seen, best = [(0, State())], set[tuple[int, State]](), (0, State())
    while todo:
        done, state = todo.pop()
        if done & wanted == wanted:
            return ""
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > _MOST:
            raise RuntimeError(f"no decision after {_MOST} configurations")
        if done.bit_count() > best[0].bit_count():
            best = (done, state)
        todo += _branches(calls, done, state)
    stuck = [calls[n] for n in _next(calls, best[0]) if calls[n].ended is not None]
    return f"after {best[0].bit_count()} of {len(calls)} calls, at {best[1]}, none of these can be next: {stuck}"


def _branches(calls: Sequence[Call], done: int, state: State) -> list[tuple[int, State]]:
    """Where to go on: the way that is tried first comes last.

    A call that is right here and leaves the state as it is may as well come now: whatever order is right without
    it is right with it. One that nobody heard of, and that would change nothing, may as well not have happened.
    """
    found: list[tuple[int, State]] = []
    for n in _next(calls, done):
        left = after(state, calls[n])
        if left == state and calls[n].ended is not None:
            return [(done | 1 << n, state)]
        if left is not None and left != state:
            found.append((done | 1 << n, left))
    return found[::-1]


def _next(calls: Sequence[Call], done: int) -> list[int]:
    """The calls that may be next: those not done that began before any other of them ended; unheard ones last."""
    first = (~done & (done + 1)).bit_length() - 1
    until, found = _NEVER, list[int]()
    for n in range(first, len(calls)):
        if calls[n].begun > until:
            break
        if not done >> n & 1:
            found.append(n)
            until = min(until, _end(calls[n]))
    return sorted((n for n in found if calls[n].begun <= until), key=lambda n: _end(calls[n]))


def _end(call: Call) -> int:
    return _NEVER if call.ended is None else call.ended
