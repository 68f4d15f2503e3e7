"""What clients hand in, checked once and turned into the bytes that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from holdall.errors import Invalid, TooLarge
from holdall.sessions.models import KNOWN_PARTS, NewMessage, NewToolRun
from holdall.sessions.policy import SessionPolicy

__all__ = ["Batch", "json_size", "messages_of", "tool_runs_of", "validated"]

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], value: Any, pointer: str = "") -> M:
    """``value`` as a ``model``; raises ``Invalid`` with a pointer to the first fault, and never shows the value."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error, pointer) from None


def invalid(error: ValidationError, pointer: str = "") -> Invalid:
    """The fault that lies deepest: of a union's branches, the one that was meant."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    fault = max(faults, key=lambda fault: len(fault["loc"]))
    path = "".join(f"/{step}" for step in fault["loc"] if not _names_a_branch(step))
    return Invalid(fault["msg"], pointer=pointer + path)


def _names_a_branch(step: int | str) -> bool:
    """Whether a step of a fault's path names a branch of a union, not a field."""
    return isinstance(step, str) and (step in _BRANCHES or step.startswith(("list[", "function-")))


_BRANCHES = KNOWN_PARTS | {"str", "known", "other"}


class Batch(msgspec.Struct):
    """Bytes ready to be stored, but for the ids that their positions will give them."""

    bodies: list[bytes]

    def stamped(self, ids: Sequence[str]) -> list[bytes]:
        """The records: each body with its id in front."""
        return [b'{"id":"%b",%b' % (name.encode(), body[1:]) for name, body in zip(ids, self.bodies, strict=True)]


def messages_of(given: Sequence[Any], policy: SessionPolicy, now: int, pointer: str = "") -> Batch:
    """Messages, validated and encoded; ``now`` (µs) is when those were said that do not say."""
    _check_count("messages", len(given), policy, pointer)
    bodies: list[bytes] = []
    for index, value in enumerate(given):
        at = f"{pointer}/{index}" if pointer else ""
        fields = validated(NewMessage, value, at).model_dump(exclude_unset=True)
        _refuse_server_fields(fields, at)
        if fields.get("created_at") is None:
            fields["created_at"] = now // 1000
        bodies.append(_encoded(fields, "a message (bytes)", policy.max_message_bytes, at))
    return Batch(bodies)


def tool_runs_of(given: Sequence[Any], policy: SessionPolicy, now: int, pointer: str = "") -> Batch:
    """Tool runs, validated and encoded; ``now`` (µs) is when those started that do not say."""
    _check_count("tool runs", len(given), policy, pointer)
    bodies: list[bytes] = []
    for index, value in enumerate(given):
        at = f"{pointer}/{index}" if pointer else ""
        run = validated(NewToolRun, value, at)
        fields = {**run.model_dump(exclude_unset=True), "status": run.status}
        fields.setdefault("started_at", now // 1000)
        bodies.append(_encoded(fields, "a tool run (bytes)", policy.max_message_bytes, at))
    return Batch(bodies)


def json_size(value: Any, pointer: str) -> int:
    """How many bytes ``value`` takes as JSON; raises ``Invalid`` when it can't be JSON."""
    return len(_json(value, pointer))


def _json(value: Any, pointer: str) -> bytes:
    try:
        data = msgspec.json.encode(value)
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        raise Invalid(f"cannot be JSON: {error}", pointer=pointer) from None
    return data


def _encoded(fields: Mapping[str, Any], what: str, limit: int, pointer: str) -> bytes:
    data = _json(fields, pointer)
    if len(data) > limit:
        raise TooLarge(what, limit=limit, actual=len(data), pointer=pointer)
    return data


def _check_count(what: str, count: int, policy: SessionPolicy, pointer: str) -> None:
    if count > policy.max_batch:
        raise TooLarge(f"the number of {what} in one step", limit=policy.max_batch, actual=count, pointer=pointer)


def _refuse_server_fields(fields: Mapping[str, Any], pointer: str) -> None:
    if "id" in fields:
        raise Invalid("is given by the store", pointer=f"{pointer}/id")
