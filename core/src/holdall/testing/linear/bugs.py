"""Puts a bug into a good history: each kind in such a place that no order of the calls can explain it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from holdall.testing.linear.history import Call, Result

__all__ = ["BUGS", "with_bug"]

Bug = tuple[int, Result]
"""Which call answers what instead."""


def with_bug(kind: str, calls: Sequence[Call], random: Random) -> list[Call] | None:
    """The history with one answer changed; ``None`` where the kind has no place in it."""
    found = [bug for n, call in enumerate(calls) for bug in BUGS[kind](calls, n, call)]
    if not found:
        return None
    at, result = random.choice(found)
    return [replace(call, result=result) if n == at else call for n, call in enumerate(calls)]


def _ok(call: Call, *verbs: str) -> bool:
    return call.verb in verbs and call.result is not None and call.result.kind == "ok"


def _before(one: Call, other: Call) -> bool:
    """Whether ``one`` had certainly ended when ``other`` began."""
    return one.ended is not None and one.ended < other.begun


def _deleted_before(calls: Sequence[Call], session: str, call: Call) -> bool:
    return any(_ok(one, "delete") and one.session == session and _before(one, call) for one in calls)


def _perhaps_deleted(calls: Sequence[Call], session: str, call: Call) -> bool:
    """Whether a delete of the session may have happened before ``call`` ended."""
    return any(one.verb == "delete" and one.session == session and one.begun <= (call.ended or 0) for one in calls)


def stale_read(calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A read shows what an acknowledged write had already replaced."""
    if not _ok(call, "page", "get"):
        return []
    newest = max(
        (
            one.result.version
            for one in calls
            if one.result and _ok(one, "append", "update") and one.session == call.session and _before(one, call)
        ),
        default=0,
    )
    return [
        (n, one.result)
        for one in calls
        if one.result and _ok(one, call.verb) and one.session == call.session and one.result.version < newest
    ]


def lost_update(calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """An update is acknowledged although another had made the same version of what it expected."""
    if call.verb != "update" or call.result is None or call.result.kind != "conflict":
        return []
    rivals = [one for one in calls if _ok(one, "append", "update") and one.session == call.session]
    taken = any(one.result is not None and one.result.version == call.expect + 1 for one in rivals)
    return [(n, Result(version=call.expect + 1))] if taken else []


def double_apply(_calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A page shows one message twice."""
    if not _ok(call, "page") or call.result is None or len(call.result.texts) < 2:
        return []
    texts = call.result.texts
    return [(n, replace(call.result, texts=(*texts[1:], texts[-1])))]


def lost_write(_calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A page lacks a message between others."""
    if not _ok(call, "page") or call.result is None or len(call.result.texts) < 3:
        return []
    texts = call.result.texts
    return [(n, replace(call.result, texts=(*texts[:-2], texts[-1])))]


def dirty_read(calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A page shows a message that nobody has begun to write."""
    if not _ok(call, "page") or call.result is None:
        return []
    later = [one for one in calls if one.verb == "append" and call.ended is not None and one.begun > call.ended]
    return [(n, replace(call.result, texts=(*call.result.texts[1:], one.text))) for one in later[:1]]


def reordered(_calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A page shows two messages the wrong way round."""
    if not _ok(call, "page") or call.result is None or len(call.result.texts) < 2:
        return []
    *others, one, two = call.result.texts
    return [(n, replace(call.result, texts=(*others, two, one)))]


def resurrected(calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A read shows a session whose deletion was acknowledged."""
    if call.verb not in ("page", "get") or not _deleted_before(calls, call.session, call):
        return []
    shown = [one.result for one in calls if _ok(one, call.verb) and one.session == call.session]
    return [(n, result) for result in shown[-1:] if result is not None]


def vanished(calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """A read finds nothing where a session lives."""
    if not _ok(call, "page", "get") or _perhaps_deleted(calls, call.session, call):
        return []
    return [(n, Result("gone"))]


def misplaced(_calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """An append says that its message stands one place behind where it does."""
    if not _ok(call, "append") or call.result is None:
        return []
    return [(n, replace(call.result, count=call.result.count + 1))]


def made_twice(calls: Sequence[Call], n: int, call: Call) -> list[Bug]:
    """Finding a session that lives makes another."""
    if not _ok(call, "open") or call.result is None or call.result.new:
        return []
    if _perhaps_deleted(calls, call.result.session, call):
        return []
    return [(n, replace(call.result, session="another", new=True))]


BUGS: dict[str, Callable[[Sequence[Call], int, Call], list[Bug]]] = {
    "stale read": stale_read,
    "lost update": lost_update,
    "double apply": double_apply,
    "lost write": lost_write,
    "dirty read": dirty_read,
    "reordered": reordered,
    "resurrected": resurrected,
    "vanished": vanished,
    "misplaced": misplaced,
    "made twice": made_twice,
}
