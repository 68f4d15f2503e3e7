"""Checking against a msgspec Struct, whose types and limits are its annotations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

__all__ = ["Path", "Wrong", "converted", "made", "schema_of_struct"]

S = TypeVar("S", bound=msgspec.Struct)


class Wrong(ValueError):
    """Raised by a Struct's ``__post_init__``: ``field`` is what is wrong with it, and the message says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


if TYPE_CHECKING:
    Path = str | os.PathLike[str]
    """A path, as ``os`` takes it."""
else:

    class Path(str):
        """A path that is configured, as text: ``pathlib`` takes longer to import than all that is done with most."""

        __slots__ = ()

        def __new__(cls, path: str | os.PathLike[str]) -> Self:
            """Raises ``TypeError`` for what is none."""
            text = os.fspath(path)
            if not isinstance(text, str):
                raise TypeError(text)
            return super().__new__(cls, text)

        def __fspath__(self) -> str:  # what tells it from other text
            return str(self)


def converted(model: type[S], values: Any) -> S:
    """``values`` as ``model``; numbers may be written as text. Raises ``ValidationError`` at the first fault."""
    return msgspec.convert(values, model, strict=False, dec_hook=made)


def made(kind: type[Any], value: Any) -> Any:
    """``value`` as a kind that msgspec does not know, such as ``Path``."""
    try:
        return value if isinstance(value, kind) else kind(value)
    except Exception:  # noqa: BLE001 - whatever it is, it may say what was given
        raise ValueError(f"must be a {kind.__name__}") from None


def schema_of_struct(model: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of ``model``, standing by itself as pydantic's do; what is nested is in its ``$defs``."""
    whole = msgspec.json.schema(model, schema_hook=_schema)
    rest: dict[str, Any] = whole["$defs"]
    own = rest.pop(whole["$ref"].rsplit("/", 1)[-1])
    return {**own, "$defs": rest} if rest else own


def _schema(kind: type[Any]) -> dict[str, Any]:
    return {"type": "string", "format": kind.__name__.lower()}
