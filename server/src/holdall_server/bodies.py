"""Taking bodies apart: what the server itself must know of them before the core validates the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from holdall import Invalid
from holdall.spelling import nearest
from holdall_server.problems import Problem, moved

__all__ = ["alone", "fields_of", "object_of", "refuse_owned", "take"]

T = TypeVar("T")

_OWNED = frozenset(
    {"id", "owner", "version", "created_at", "active_at", "expires_at", "ends_at", "status", "counts", "size", "ended"}
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


def fields_of(body: Any, model: type[BaseModel], *, owned: Collection[str] = _OWNED, at: str = "") -> dict[str, Any]:
    """The fields of ``body``, if all of them are known to ``model`` by name; their values are the core's to check.

    Those ``owned`` by the server are refused as such unless ``model`` knows them. ``body`` is at the pointer ``at``.
    """
    fields, known = object_of(body), model.model_fields
    for name in fields:
        if name not in known:
            if name in owned:
                refuse_owned(fields, name, at=at)
            pointer = f"{at}/{name[:200].replace('~', '~0').replace('/', '~1')}"
            detail = f"is not known{nearest(name[:200], known)} (allowed: {', '.join(known)})"
            raise Problem(422, "invalid", detail, pointer=pointer)
    return fields


def alone(error: Invalid, place: str) -> Exception:
    """What the core finds at ``place``, told as of the whole body: that is where it came from."""
    return moved(error, place) if error.pointer.startswith(place) else error


def take(fields: dict[str, Any], name: str, kind: type[T], default: T | None = None) -> T | None:
    """Take ``name`` out of ``fields``, if it is of ``kind``; null stands for an absence that has no default."""
    value = fields.pop(name, default)
    if (value is None and default is None) or type(value) is kind:
        return cast("T | None", value)
    raise Problem(422, "invalid", f"must be {_KINDS[kind]}", pointer=f"/{name}")
