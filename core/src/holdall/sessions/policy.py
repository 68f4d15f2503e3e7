"""What a deployment allows and assumes: the ``[sessions]`` section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from holdall.errors import TooLarge
from holdall.sessions.models import Seconds

if TYPE_CHECKING:
    from holdall.sessions.rules import Rules

__all__ = ["ProjectPolicy", "SessionPolicy"]

Positive = Annotated[int, Field(gt=0)]


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
            from holdall.sessions.rules import check_schema  # noqa: PLC0415 - few deployments have rules

            check_schema(schema)
        return schema

    @cached_property
    def rules(self) -> Rules | None:
        """The compiled metadata schema."""
        if self.metadata is None:
            return None
        from holdall.sessions.rules import Rules  # noqa: PLC0415 - few deployments have rules

        return Rules(self.metadata)


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
        rules = self.projects.get(project or "", _NO_RULES).rules
        if rules is not None:
            rules.check(project or "", metadata)


_NO_RULES = ProjectPolicy()
