"""Taking bodies apart: what the server itself must know of them before the core validates the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from holdall.spelling import nearest
from holdall_server.problems import Problem

__all__ = ["fields_of", "object_of", "refuse_owned", "take"]

T = TypeVar("T")

_OWNED = frozenset(
    {"id", "version", "created_at", "active_at", "expires_at", "ends_at", "status", "counts", "size", "ended"}
)
"""Fields of a session that only the server writes."""
_KINDS: Mapping[type[Any], str] = {str: "a string", list: "a list", bool: "true or false", int: "a whole number"}


def object_of(body: Any) -> dict[str, Any]:
    """``body``, if it is an object."""
    if not isinstance(body, dict):
        raise Problem(422, "invalid", "must be an object", pointer="")
    return cast("dict[str, Any]", body)


def refuse_owned(fields: dict[str, Any], *names: str, at: str = "") -> None:
    """Raise ``Problem`` 400 where ``fields`` has one of ``names``, which the server gives."""
    for name in names:
        if name in fields:
            raise Problem(400, "server-owned", "is given by the server", pointer=f"{at}/{name}")


def fields_of(body: Any, model: type[BaseModel]) -> dict[str, Any]:
    """The fields of ``body``, if all of them are known to ``model`` by name; their values are the core's to check."""
    fields = object_of(body)
    known = model.model_fields
    for name in fields:
        if name not in known:
            if name in _OWNED or name == "owner":
                refuse_owned(fields, name)
            pointer = "/" + name[:200].replace("~", "~0").replace("/", "~1")
            raise Problem(422, "invalid", f"is not known{nearest(name, known)}", pointer=pointer)
    return fields


def take(fields: dict[str, Any], name: str, kind: type[T], default: T | None = None) -> T | None:
    """Take ``name`` out of ``fields``, if it is of ``kind``; null stands for an absence that has no default."""
    value = fields.pop(name, default)
    if (value is None and default is None) or type(value) is kind:
        return cast("T | None", value)
    raise Problem(422, "invalid", f"must be {_KINDS[kind]}", pointer=f"/{name}")
