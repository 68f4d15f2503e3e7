"""What a project demands of its sessions' metadata: a JSON Schema. Imported where a configuration has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from holdall.errors import Invalid, SettingsError

__all__ = ["Rules", "check_schema"]

_REGISTRY: Registry[Any] = Registry()
"""Empty: a remote ``$ref`` is never fetched."""
_matched: Any = Draft202012Validator.VALIDATORS["pattern"]


def _pattern(validator: Any, pattern: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """As it is, but for a text that is too long anyway: how long matching takes is then the schema's to say."""
    most = schema.get("maxLength")
    if most is None or not isinstance(value, str) or len(value) <= most:
        yield from _matched(validator, pattern, value, schema)


_extend = cast("Any", validators.extend)  # pyright: ignore[reportUnknownMemberType]
_Validator: Any = _extend(Draft202012Validator, {"pattern": _pattern})


def _remote_references(schema: Any) -> Iterator[str]:
    """Every ``$ref`` in a schema that leads out of it."""
    if isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        for name, value in members.items():
            if name in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
                yield value
            yield from _remote_references(value)
    elif isinstance(schema, list):
        for value in cast("list[Any]", schema):
            yield from _remote_references(value)


def check_schema(schema: dict[str, Any]) -> None:
    """Raise ``ValueError`` for what is no JSON Schema (2020-12), or leads out of itself."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"is not a JSON Schema: {error.message[:200]}") from error
    remote = next(_remote_references(schema), None)
    if remote is not None:
        raise ValueError(f"refers to {remote!r}; only references inside the schema (#...) are followed")


class Rules:
    """One project's schema, compiled."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = _Validator(schema, registry=_REGISTRY)

    def check(self, project: str, metadata: Mapping[str, Any]) -> None:
        """Raise ``Invalid`` when ``metadata`` breaks a rule of ``project``."""
        try:
            errors: list[ValidationError] = list(self._validator.iter_errors(dict(metadata)))
        except Unresolvable as unresolvable:
            raise SettingsError(
                f"sessions.projects.{project}.metadata refers to {unresolvable.ref!r}, which it does not have"
            ) from unresolvable
        if errors:
            first = min(errors, key=lambda error: [str(step) for step in error.absolute_path])
            steps = (str(step).replace("~", "~0").replace("/", "~1") for step in ("metadata", *first.absolute_path))
            rule = f"{first.validator}: {first.validator_value!r}"
            raise Invalid(f"breaks the project's rule {rule[:200]}", pointer="/" + "/".join(steps))
