"""The published JSON Schemas: the configuration's, the session record's, and those of what clients send and messages hold."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from holdall.errors import SettingsError
from holdall.sessions import models
from holdall.settings import Settings
from holdall.spelling import nearest

__all__ = ["schema"]


def schema(name: str) -> dict[str, Any]:
    """The schema of the model called ``name`` (JSON Schema 2020-12)."""
    found = published()
    if name not in found:
        raise SettingsError(f"no model {name!r}{nearest(name, found)} (there are: {', '.join(sorted(found))})")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found[name].json_schema()}


def published() -> dict[str, TypeAdapter[Any]]:
    """Everything that has a schema, by name."""
    return {"Settings": TypeAdapter(Settings), **{name: TypeAdapter(getattr(models, name)) for name in models.__all__}}
