"""Every fault that pydantic found. Imported when a plugin's model is pydantic's, and only to explain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from holdall.checking.faults import dotted, unknown_key
from holdall.spelling import reason_of

__all__ = ["faults_of_pydantic"]


def faults_of_pydantic(
    error: ValidationError, model: type[BaseModel], at: Sequence[str] = ()
) -> Iterator[tuple[Sequence[str], str]]:
    """The path of each fault, and what to say of it."""
    for fault in error.errors(include_url=False, include_input=False):
        steps = [str(step) for step in fault["loc"] if step != "[key]"]
        path = [*at, *steps]
        if fault["type"] == "extra_forbidden":
            yield path, unknown_key(path, _fields_at(model, steps[:-1]))
        elif fault["type"] == "missing":
            yield path, f"'{dotted(path)}' is missing"
        else:
            yield path, f"{dotted(path)}: {' '.join(reason_of(fault).removeprefix('Value error, ').split())}"


def _fields_at(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """The names that a (nested) model knows at ``path``."""
    here: Any = model
    for step in path:
        if _is_model(here):
            field = here.model_fields.get(step)
            here = None if field is None else field.annotation
        else:  # an index of a list, or a key of a mapping: on to what they hold
            here = next((held for held in get_args(here)[::-1] if _model_in(held) is not None), None)
    found = _model_in(here)
    if found is None:
        return []
    return list(found.__struct_fields__ if issubclass(found, Struct) else found.model_fields)


def _model_in(annotation: Any) -> Any:
    if _is_model(annotation) or (isinstance(annotation, type) and issubclass(annotation, Struct)):
        return annotation
    return next((found for found in map(_model_in, get_args(annotation)) if found is not None), None)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
