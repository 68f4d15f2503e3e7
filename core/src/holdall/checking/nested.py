"""A storage nested in another whose options are a pydantic model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from pydantic_core import core_schema

__all__ = ["reference_schema"]


def reference_schema(model: type[Struct]) -> core_schema.CoreSchema:
    """What pydantic takes for a ``StorageRef``: one, or a table with its keys."""

    def made(value: Any, table: Callable[[Any], dict[str, Any]]) -> Any:
        return value if isinstance(value, model) else model(**table(value))

    field, text = core_schema.typed_dict_field, core_schema.str_schema()
    options = core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
    keys = {"use": field(text), "options": field(options, required=False)}
    return core_schema.no_info_wrap_validator_function(
        made, core_schema.typed_dict_schema(keys, extra_behavior="forbid", cls_name=model.__name__)
    )
