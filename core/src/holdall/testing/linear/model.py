"""What a session is to its clients, one call after the other: the sequential model that histories are held against."""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdall.testing.linear.history import PAGE, Call, Result

__all__ = ["State", "after"]


@dataclass(frozen=True, slots=True)
class State:
    """The session behind a key."""

    session: str = ""
    """Its id; empty: there is none; ``?``: nobody has heard it yet."""
    version: int | None = None
    """``None``: nobody has heard it yet."""
    note: int = 0
    count: int = 0
    texts: tuple[str, ...] = ()
    dead: frozenset[str] = frozenset()


def after(state: State, call: Call) -> State | None:
    """The state that ``call`` leaves, or ``None`` when it cannot have answered so in this state."""
    if call.result is None:
        return _unheard(state, call)
    if call.verb == "open":
        return _opened(state, call.result)
    if call.result.kind == "gone":
        return state if call.session in state.dead else None
    if call.session != state.session:
        return None
    return _HEARD[call.verb](state, call, call.result)


def _unheard(state: State, call: Call) -> State:
    """What a call does of which only the beginning is known."""
    if call.verb == "open":
        return state if state.session else State(session="?", dead=state.dead)
    if call.session != state.session or (call.verb == "update" and state.version not in (None, call.expect)):
        return state
    if call.verb == "delete":
        return State(dead=state.dead | {call.session})
    version = None if state.version is None else state.version + 1
    return _updated(state, call, version) if call.verb == "update" else _appended(state, call, version)


def _opened(state: State, result: Result) -> State | None:
    if result.session in state.dead:
        return None
    if result.new:
        return None if state.session else State(result.session, result.version, dead=state.dead)
    if state.session not in ("?", result.session) or not _same(state, result.version):
        return None
    return replace(state, session=result.session, version=result.version)


def _same(state: State, version: int) -> bool:
    return state.version in (None, version)


def _appended(state: State, call: Call, version: int | None) -> State:
    texts = (*state.texts, call.text)[-PAGE:]
    return replace(state, version=version, count=state.count + 1, texts=texts)


def _updated(state: State, call: Call, version: int | None) -> State:
    return replace(state, version=version, note=call.note)


def _append(state: State, call: Call, result: Result) -> State | None:
    right = _same(state, result.version - 1) and result.count == state.count
    return _appended(state, call, result.version) if right else None


def _update(state: State, call: Call, result: Result) -> State | None:
    if result.kind == "conflict":
        return state if state.version != call.expect else None
    right = _same(state, call.expect) and result.version == call.expect + 1
    return _updated(state, call, result.version) if right else None


def _page(state: State, _call: Call, result: Result) -> State | None:
    right = _same(state, result.version) and result.texts == state.texts
    return replace(state, version=result.version) if right else None


def _get(state: State, _call: Call, result: Result) -> State | None:
    right = _same(state, result.version) and (result.note, result.count) == (state.note, state.count)
    return replace(state, version=result.version) if right else None


def _delete(state: State, call: Call, _result: Result) -> State | None:
    return State(dead=state.dead | {call.session})


_HEARD = {"append": _append, "update": _update, "page": _page, "get": _get, "delete": _delete}
