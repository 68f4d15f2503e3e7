"""What people configure, held against the model of it: a msgspec Struct, or a pydantic model.

This is the only room that knows both kinds. pydantic comes with the plugin that uses it, and is not imported before.
Every fault is one line: where it is, what is wrong, and the nearest right name. What was given is never echoed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, ValidationError

from holdall.checking.structs import Path, Wrong, converted, schema_of_struct
from holdall.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Path", "Wrong", "checked", "field_names", "schema"]

M = TypeVar("M", bound="Struct | BaseModel")
Blame = Callable[[Sequence[str]], "str | None"]


def checked(model: type[M], values: Any, where: str, *, at: Sequence[str] = (), blame: Blame | None = None) -> M:
    """``values`` as ``model``; raises ``SettingsError`` with one line per fault.

    A line begins with ``where``, or with what ``blame`` says of the fault's path. ``at`` is where in the whole
    configuration ``values`` stand.
    """
    if issubclass(model, Struct):
        try:
            return converted(model, values)
        except ValidationError:
            from holdall.checking.faults import faults_of_struct  # noqa: PLC0415 - only to explain

            raise _refusal(faults_of_struct(model, values, at), where, blame) from None
    from pydantic import ValidationError as Refusal  # noqa: PLC0415 - the plugin has imported pydantic already

    try:
        return model.model_validate(values)
    except Refusal as error:
        from holdall.checking.pydantics import faults_of_pydantic  # noqa: PLC0415 - only to explain

        raise _refusal(faults_of_pydantic(error, model, at), where, blame) from None


def schema(model: type[Struct | BaseModel]) -> dict[str, Any]:
    """The JSON Schema of ``model`` (2020-12)."""
    return schema_of_struct(model) if issubclass(model, Struct) else model.model_json_schema()


def field_names(model: type[Struct | BaseModel]) -> tuple[str, ...]:
    """The names that ``model`` knows, in its order."""
    return model.__struct_fields__ if issubclass(model, Struct) else tuple(model.model_fields)


def _refusal(faults: Iterable[tuple[Sequence[str], str]], where: str, blame: Blame | None) -> SettingsError:
    lines = [f"{(blame and blame(path)) or where}: {text}" for path, text in faults]
    return SettingsError("\n".join(lines))
