"""What clients hand in, checked once and turned into the bytes that are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from holdall import sessions
from holdall.errors import Invalid, TooLarge
from holdall.sessions.names import Role

if TYPE_CHECKING:
    from holdall.sessions.parts.storing import Apart
    from holdall.sessions.policy import SessionPolicy

__all__ = ["Content", "as_json", "content_of", "escaped", "fields_of", "originals_of", "tool_runs_of"]

_DEPTH = 200
"""The most that objects and arrays may be nested in each other."""
_PLAIN = frozenset({str, bool, type(None)})
"""Types whose every value JSON can say; what is wrong with a text, the encoder finds."""
_HUGE = 1 << 64
_TWO = 2
_ROLES = frozenset(get_args(Role))
_LONGEST_STEP = 200
_encode = msgspec.json.Encoder().encode


def escaped(step: int | str) -> str:
    """One step of a JSON Pointer."""
    return "/" + str(step)[:_LONGEST_STEP].replace("~", "~0").replace("/", "~1")


def fields_of(value: Any) -> Any:
    """The fields of any mapping or model as a dictionary; what is neither comes back for validation to refuse."""
    if type(value) is dict:  # nearly always, and quick to see
        fields: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return fields.copy()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if hasattr(value, "model_dump"):  # pydantic's, which need not be imported to see that
        return value.model_dump(exclude_unset=True)
    return value


@cache
def _message_check() -> Callable[[Any, str], None]:
    from holdall.sessions.validation import message_checker  # noqa: PLC0415 - reading needs no pydantic

    return message_checker()


class Content(msgspec.Struct, gc=False):
    """What one append brings, validated and encoded, but for the ids that positions will give.

    A message is a JSON object without its first brace, ready to have its id put in front.
    """

    messages: Sequence[bytes]
    tools: Sequence[bytes] = ()
    originals: Sequence[bytes] = ()
    used: bool = False
    """Whether some messages say what they took of a model: then totals are kept."""
    apart: Apart | None = None
    """What of them is too large to lie in them."""
    replies: Sequence[tuple[str, str]] = ()
    """Where those are that reply, and the ids of the messages that they reply to."""


def content_of(
    policy: SessionPolicy, now: int, messages: Sequence[Any], tools: Sequence[Any] = (), originals: Sequence[str] = ()
) -> Content:
    """Check what a client wants to append; ``now`` in µs, which is when those messages were said that do not say."""
    if len(messages) > policy.max_batch:
        raise _too_many("messages", len(messages), policy, "/messages")
    raw = originals_of(originals, policy, "/originals") if originals else ()
    bodies: list[bytes] = []
    said, content = now // 1000, Content(bodies, (), raw)
    for value in messages:
        body = _role_and_words(value, said) or _message(value, said, f"/messages/{len(bodies)}", content)
        size = len(body)
        if size >= policy.large_part_bytes or size >= policy.max_message_bytes:
            body = _put_apart(b"{" + body, policy, f"/messages/{len(bodies)}", content)
        bodies.append(body)
    if tools:
        content.tools = tool_runs_of(tools, policy, now, "/tools")
    return content


def _put_apart(whole: bytes, policy: SessionPolicy, at: str, content: Content) -> bytes:
    """The body of a message with references in the place of what is large."""
    record, values = sessions.parts.splitting.split(whole, policy, at)
    if values:
        content.apart = content.apart or sessions.parts.storing.Apart()
        content.apart.values += values
    return record[1:]


def _role_and_words(value: Any, said: int) -> bytes | None:
    """The body of a message of a role, words and nothing else, which nearly every message is; ``None``: look closer."""
    if type(value) is not dict:
        return None
    fields: dict[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
    if len(fields) != _TWO:
        return None
    try:
        role = fields["role"]
        if type(role) is str and role in _ROLES and type(fields["content"]) is str:
            fields = fields.copy()
            fields["created_at"] = said
            return _encode(fields)[1:]
    except (KeyError, UnicodeEncodeError):
        pass
    return None


def _message(value: Any, said: int, at: str, content: Content) -> bytes:
    """The body of any message; ``said`` (ms) is when, unless it says so."""
    fields = fields_of(value)
    _message_check()(fields, at)
    if fields.get("usage") is not None:
        content.used = True
    if fields.get("reply_to") is not None:
        content.replies = [*content.replies, (at, fields["reply_to"])]
    if "id" in fields:
        raise Invalid("is given by the store", pointer=f"{at}/id")
    if "large_parts" in fields:
        raise Invalid("is given by the store: give the message whole", pointer=f"{at}/large_parts")
    if fields.get("created_at") is None:
        fields["created_at"] = said
    return as_json(fields, at)[1:]


def tool_runs_of(given: Sequence[Any], policy: SessionPolicy, now: int, pointer: str = "") -> list[bytes]:
    """The bodies of tool runs, validated and encoded; ``now`` (µs) is when those started that do not say."""
    from holdall.sessions.validation import NewToolRun, validated  # noqa: PLC0415 - reading needs no pydantic

    if len(given) > policy.max_batch:
        raise _too_many("tool runs", len(given), policy, pointer)
    bodies: list[bytes] = []
    for index, value in enumerate(given):
        at = f"{pointer}/{index}"
        fields = fields_of(value)
        run = validated(NewToolRun, fields, at)
        fields["status"] = run.status
        if run.started_at is None:
            fields["started_at"] = now // 1000
        body = as_json(fields, at)[1:]
        if len(body) >= policy.max_message_bytes:
            raise _too_large("a tool run (bytes)", body, policy, at)
        bodies.append(body)
    return bodies


def originals_of(given: Sequence[Any], policy: SessionPolicy, pointer: str = "") -> list[bytes]:
    """Original records, encoded: each is any text."""
    records: list[bytes] = []
    for index, value in enumerate(given):
        at = f"{pointer}/{index}"
        if not isinstance(value, str):
            raise Invalid("is not a string", pointer=at)
        try:
            record = value.encode()
        except UnicodeEncodeError:
            raise Invalid("is not valid Unicode", pointer=at) from None
        if len(record) > policy.max_message_bytes:
            raise TooLarge("an original (bytes)", limit=policy.max_message_bytes, actual=len(record), pointer=at)
        records.append(record)
    return records


def as_json(value: Any, pointer: str = "") -> bytes:
    """``value`` as JSON that reads back as the same; raises ``Invalid`` with a pointer to what cannot be JSON."""
    try:
        _check_plain(value, _DEPTH)
        return _encode(value)
    except _Fault as fault:
        raise Invalid(fault.reason, pointer=pointer + fault.pointer) from None
    except UnicodeEncodeError:
        raise Invalid("is not valid Unicode", pointer=pointer + _surrogate_in(value)) from None


class _Fault(Exception):
    """What cannot be JSON, and where: the steps are put in front on the way out, so that the way in costs nothing."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.pointer = ""


def _check_plain(value: object, depth: int) -> None:
    """Raise for what JSON cannot say, and an encoder would quietly turn into something else."""
    if isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            if type(key) is not str:
                raise _Fault("has a key that is not a string")
            if type(item) not in _PLAIN and not (type(item) is int and -_HUGE < item < _HUGE):
                _check_inside(key, item, depth)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            if type(item) not in _PLAIN:
                _check_inside(index, item, depth)
    elif type(value) not in _PLAIN:
        _check_number(value, type(value))


def _check_inside(step: int | str, item: Any, depth: int) -> None:
    if not depth:
        raise _Fault(f"is nested deeper than {_DEPTH}")
    try:
        _check_plain(item, depth - 1)
    except _Fault as fault:
        fault.pointer = escaped(step) + fault.pointer
        raise


def _check_number(value: Any, kind: type[Any]) -> None:
    if kind is int:
        if not -_HUGE < value < _HUGE:
            raise _Fault("is a number of more than 64 bits")
    elif kind is not float:
        raise _Fault(f"is of a type that JSON does not have: {kind.__name__}")
    elif not isfinite(value):
        raise _Fault("is not a finite number")


def _surrogate_in(value: Any) -> str:
    """A pointer to the first text in ``value`` that is not valid Unicode; to its object when that text is a key."""
    steps: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if any(_broken(key) for key in items):
            return ""
        steps = list(items.items())
    elif isinstance(value, list | tuple):
        steps = list(enumerate(cast("Sequence[Any]", value)))
    for step, item in steps:
        if _broken(item):
            return escaped(step)
        if isinstance(item, dict | list | tuple):
            try:
                _encode(item)
            except UnicodeEncodeError:
                return escaped(step) + _surrogate_in(item)
    return ""


def _broken(text: Any) -> bool:
    try:
        _encode(text) if isinstance(text, str) else None
    except UnicodeEncodeError:
        return True
    return False


def _too_large(what: str, body: bytes, policy: SessionPolicy, pointer: str) -> TooLarge:
    return TooLarge(what, limit=policy.max_message_bytes, actual=len(body) + 1, pointer=pointer)


def _too_many(what: str, count: int, policy: SessionPolicy, pointer: str) -> TooLarge:
    return TooLarge(f"the number of {what} in one step", limit=policy.max_batch, actual=count, pointer=pointer)
