"""The published JSON Schemas: the configuration's, and those of what is stored and exchanged."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

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
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found[name].model_json_schema()}


def published() -> dict[str, type[BaseModel]]:
    """Every model that has a schema, by name."""
    models_: dict[str, type[BaseModel]] = {"Settings": Settings}
    for name in models.__all__:
        model = getattr(models, name)
        if isinstance(model, type) and issubclass(model, BaseModel):
            models_[name] = model
    return models_
