"""What a deployment allows and assumes: the ``[sessions]`` section of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from pydantic import BaseModel, ConfigDict, Field, field_validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from holdall.errors import Invalid, SettingsError, TooLarge
from holdall.sessions.models import Seconds

__all__ = ["ProjectPolicy", "SessionPolicy"]

_REGISTRY: Registry[Any] = Registry()
"""Empty: a remote ``$ref`` is never fetched."""

Positive = Annotated[int, Field(gt=0)]


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


class ProjectPolicy(BaseModel):
    """Defaults and rules for the sessions of one project."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    ttl: Seconds | None = None
    max_lifetime: Seconds | None = None
    metadata: dict[str, Any] | None = None
    """A JSON Schema (2020-12) that the metadata of the project's sessions must meet."""

    @field_validator("metadata")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            try:
                Draft202012Validator.check_schema(schema)
            except SchemaError as error:
                raise ValueError(f"is not a JSON Schema: {error.message[:200]}") from error
            remote = next(_remote_references(schema), None)
            if remote is not None:
                raise ValueError(f"refers to {remote!r}; only references inside the schema (#...) are followed")
        return schema

    @cached_property
    def validator(self) -> Draft202012Validator | None:
        """The compiled metadata schema."""
        return None if self.metadata is None else Draft202012Validator(self.metadata, registry=_REGISTRY)


class SessionPolicy(BaseModel):
    """Lifetimes and limits of all sessions, and what single projects do differently."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    ttl: Seconds | None = None
    """Idle seconds after which a session expires; none by default."""
    max_lifetime: Seconds | None = None
    """Seconds after creation that nothing passes; none by default."""
    max_message_bytes: Positive = 256 << 10
    max_messages: Positive = 1_000_000
    max_session_bytes: Positive = 1 << 30
    max_metadata_bytes: Positive = 16 << 10
    max_batch: Positive = 1000
    max_page: Positive = 500
    keys_kept_for: Seconds = 86_400
    """How long an idempotency key is remembered."""
    tombstone_kept_for: Seconds = 86_400
    """How long the name of a deleted session stays taken."""
    sweep_every: Annotated[float, Field(ge=0)] = 60
    """Seconds between clean-ups of what has expired; 0 turns them off."""
    projects: dict[str, ProjectPolicy] = {}

    def lifetimes(self, project: str | None) -> tuple[int | None, int | None]:
        """The default ``ttl`` and ``max_lifetime`` of a session of ``project``."""
        own = self.projects.get(project or "", _NO_RULES)
        return own.ttl or self.ttl, own.max_lifetime or self.max_lifetime

    def check_metadata(self, project: str | None, metadata: Mapping[str, Any], size: int) -> None:
        """Raise ``Invalid`` when ``metadata`` (``size`` bytes as JSON) is too large or against the project's schema."""
        if size > self.max_metadata_bytes:
            raise TooLarge("metadata (bytes)", limit=self.max_metadata_bytes, actual=size, pointer="/metadata")
        validator = self.projects.get(project or "", _NO_RULES).validator
        if validator is None:
            return
        try:
            errors: list[ValidationError] = list(validator.iter_errors(dict(metadata)))  # pyright: ignore[reportUnknownMemberType]
        except Unresolvable as unresolvable:
            raise SettingsError(
                f"sessions.projects.{project}.metadata refers to {unresolvable.ref!r}, which it does not have"
            ) from unresolvable
        if errors:
            first = min(errors, key=lambda error: [str(step) for step in error.absolute_path])
            steps = (str(step).replace("~", "~0").replace("/", "~1") for step in ("metadata", *first.absolute_path))
            rule = f"{first.validator}: {first.validator_value!r}"
            raise Invalid(f"breaks the project's rule {rule[:200]}", pointer="/" + "/".join(steps))


_NO_RULES = ProjectPolicy()
