"""Every fault of what is not as a Struct wants it, where a conversion would stop at the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec

from holdall.checking.structs import Wrong, made
from holdall.spelling import nearest, one_of

__all__ = ["bare", "dotted", "faults_of_struct", "held", "holds_more", "unknown_key"]

Path = tuple[str, ...]


def faults_of_struct(model: type[msgspec.Struct], values: Any, at: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    """The path of each fault, and what to say of it."""
    return _faults(model, values, tuple(at))


def unknown_key(path: Sequence[str], allowed: Sequence[str]) -> str:
    """What to say of a name that nothing knows."""
    names = f" (allowed: {', '.join(sorted(allowed))})" if allowed else ""
    return f"unknown key '{dotted(path)}'{nearest(path[-1], allowed)}{names}"


def dotted(path: Sequence[str]) -> str:
    """A path on one line."""
    return repr(".".join(path))[1:-1]


def bare(kind: Any) -> Any:
    """``kind`` without its limits, and without ``None`` if it is optional."""
    while True:
        members = [member for member in get_args(kind) if member is not NoneType]
        optional = get_origin(kind) in (Union, UnionType) and len(members) == 1
        if not optional and get_origin(kind) is not Annotated:
            return kind
        kind = members[0]


def held(kind: Any, step: str) -> Any:
    """The kind of what a (bare) ``kind`` holds at ``step``; ``None`` when it can hold nothing there."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return next((field.type for field in msgspec.structs.fields(kind) if field.encode_name == step), None)
    if get_origin(kind) in (list, dict):
        return get_args(kind)[-1]
    return Any if kind in (Any, list, dict) else None


def holds_more(kind: Any) -> bool:
    """Whether a (bare) ``kind`` is that of a table or a list."""
    return (isinstance(kind, type) and issubclass(kind, msgspec.Struct)) or get_origin(kind) in (list, dict)


def _faults(kind: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    inner, inside = bare(kind), list[tuple[Path, str]]()
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, Mapping):
        inside += _of_table(inner, cast("Mapping[Any, Any]", value), path)
    elif get_origin(inner) is dict and isinstance(value, Mapping):
        for key, one in cast("Mapping[Any, Any]", value).items():
            inside += _faults(get_args(inner)[1], one, (*path, str(key)))
    elif get_origin(inner) is list and isinstance(value, list):
        for index, one in enumerate(cast("list[Any]", value)):
            inside += _faults(get_args(inner)[0], one, (*path, str(index)))
    yield from inside or _as_a_whole(kind, value, path)


def _of_table(model: type[msgspec.Struct], values: Mapping[Any, Any], path: Path) -> Iterator[tuple[Path, str]]:
    fields = msgspec.structs.fields(model)
    for field in fields:
        name = (*path, field.encode_name)
        if field.encode_name in values:
            yield from _faults(field.type, values[field.encode_name], name)
        elif field.required:
            yield name, f"'{dotted(name)}' is missing"
    known = [field.encode_name for field in fields]
    for key in values:
        if key not in known and model.__struct_config__.forbid_unknown_fields:
            yield (*path, str(key)), unknown_key((*path, str(key)), known)


def _as_a_whole(kind: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    try:
        msgspec.convert(value, kind, strict=False, dec_hook=made)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, Wrong):
            path = (*path, error.__cause__.field)
        yield path, ": ".join(filter(None, (dotted(path), _said(error, kind, value))))


def _said(error: msgspec.ValidationError, kind: Any, value: Any) -> str:
    """The message without the path, and without the value that msgspec tells of an enumeration."""
    text = str(error).rpartition(" - at `")[0] or str(error)
    if text.startswith("Invalid enum value"):
        allowed = get_args(bare(kind)) if get_origin(bare(kind)) is Literal else ()
        given = value if isinstance(value, str) else ""
        return one_of([str(word) for word in allowed], given) if allowed else "is none of the values that it may have"
    return " ".join(text.split())
