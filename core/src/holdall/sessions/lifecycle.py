"""The life of a session after its creation: update, extend, end, delete. Each is a decision on one state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.errors import Invalid
from holdall.sessions.appending import check_version, check_writable
from holdall.sessions.engine import Decision
from holdall.sessions.inputs import as_json
from holdall.sessions.names import SESSION
from holdall.sessions.state import SessionStep, State

if TYPE_CHECKING:
    from holdall.sessions.policy import SessionPolicy

__all__ = ["deleting", "ending", "extending", "updating"]


def updating(policy: SessionPolicy, changes: dict[str, Any], expect: int | None) -> Decision[None]:
    """Change what a client may change; a field that is given replaces the old value whole."""
    from holdall.sessions.validation import SessionChanges, validated  # noqa: PLC0415 - reading needs no pydantic

    as_json(changes)
    checked = validated(SessionChanges, changes).model_dump(exclude_unset=True)
    if "tags" in checked:
        checked["tags"] = list(dict.fromkeys(checked["tags"] or ()))
    if "metadata" in checked:
        checked["metadata"] = checked["metadata"] or {}

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        step = SessionStep.on(state, now, active="ttl" in checked)
        step.save(**checked)
        step.touch()
        step.tell("updated", fields=sorted(checked))
        if "metadata" in checked or "project" in checked:
            metadata = step.record.metadata
            policy.check_metadata(step.record.project, metadata, len(as_json(metadata, "/metadata")))
        return step, None

    return decide


def extending(ttl: int | None, expect: int | None) -> Decision[None]:
    """Restart the idle time, with another length if ``ttl`` is given; the absolute limit stays."""
    if ttl is not None:
        from holdall.sessions.validation import SessionChanges, validated  # noqa: PLC0415 - reading needs no pydantic

        validated(SessionChanges, {"ttl": ttl})

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        if ttl is None and state.record.ttl is None:
            raise Invalid("the session has no ttl to restart; give one", pointer="/ttl")
        step = SessionStep.on(state, now, active=True)
        step.tell("extended")
        if ttl is not None and ttl != state.record.ttl:
            step.save(ttl=ttl)
        return step, None

    return decide


def ending(by: str, reason: str | None, *, forced: bool, expect: int | None) -> Decision[None]:
    """Record the end. Ending what has ended is refused, so that the first reason stands."""

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        step = SessionStep.on(state, now)
        step.save(status="ended", ended_at=now // 1000, ended_by=by, end_reason=reason, forced=forced)
        step.tell("ended", forced=forced)
        return step, None

    return decide


def deleting(policy: SessionPolicy, expect: int | None, *, shreds: bool) -> Decision[None]:
    """Leave a tombstone, without content, that refuses late writers until the sweeper drops it."""

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_version(state, expect)
        step = SessionStep.on(state, now)
        for lane in state.head.lanes:
            if lane != SESSION:
                step.remove(lane)
        step.bury(now // 1000 + policy.tombstone_kept_for * 1000, shreds=shreds)
        return step, None

    return decide
