"""The published JSON Schemas: the configuration's, the session record's, and those of what clients send and messages hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from holdall.checking import schema as schema_of
from holdall.errors import SettingsError
from holdall.sessions import models
from holdall.sessions.record import SessionRecord
from holdall.settings import Settings
from holdall.spelling import nearest

__all__ = ["schema"]


def schema(name: str) -> dict[str, Any]:
    """The schema of the model called ``name`` (JSON Schema 2020-12)."""
    found = published()
    if name not in found:
        raise SettingsError(f"no model {name!r}{nearest(name, found)} (there are: {', '.join(sorted(found))})")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found[name]()}


def published() -> dict[str, Callable[[], dict[str, Any]]]:
    """What makes the schema of everything that has one, by name."""
    inputs = {name: TypeAdapter(getattr(models, name)).json_schema for name in models.__all__}
    return {**inputs, **{kind.__name__: partial(schema_of, kind) for kind in (Settings, SessionRecord)}}
