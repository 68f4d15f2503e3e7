"""What a deployment allows and assumes: the ``[sessions]`` section of the configuration."""

# Annotations are objects here, not text: each text would be compiled whenever a process starts.

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from holdall.checking import Wrong
from holdall.errors import TooLarge

if TYPE_CHECKING:
    from holdall.sessions.rules import Rules

__all__ = ["ProjectPolicy", "SessionPolicy"]

Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[int, Meta(gt=0, le=315_360_000)]
"""Ten years at most."""


class ProjectPolicy(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Defaults and rules for the sessions of one project."""

    ttl: Seconds | None = None
    """Instead of ``[sessions] ttl``."""
    max_lifetime: Seconds | None = None
    """Instead of ``[sessions] max_lifetime``."""
    metadata: dict[str, Any] | None = None
    """A JSON Schema (2020-12) that the metadata of the project's sessions must meet."""

    def __post_init__(self) -> None:
        if self.metadata is not None:
            from holdall.sessions.rules import check_schema  # noqa: PLC0415 - few deployments have rules

            try:
                check_schema(self.metadata)
            except ValueError as error:
                raise Wrong("metadata", str(error)) from error

    @cached_property
    def rules(self) -> "Rules | None":
        """The compiled metadata schema."""
        if self.metadata is None:
            return None
        from holdall.sessions.rules import Rules  # noqa: PLC0415 - few deployments have rules

        return Rules(self.metadata)


class SessionPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """Lifetimes and limits of all sessions, and what single projects do differently."""

    ttl: Seconds | None = None
    """Idle seconds after which a session expires; none by default."""
    max_lifetime: Seconds | None = None
    """Seconds after creation that nothing passes; none by default."""
    max_message_bytes: Positive = 256 << 10
    """The most in one message, without what of it is kept apart."""
    large_part_bytes: Positive = 64 << 10
    """What of a message is larger than this is kept apart, once for the session."""
    max_whole_message_bytes: Positive = 16 << 20
    """The most in one message with what of it is kept apart; ``max_message_bytes`` is for the rest of it."""
    max_messages: Positive = 1_000_000
    """On one branch."""
    max_session_bytes: Positive = 1 << 30
    """In all that a session keeps: messages, versions, tool runs, originals, branches."""
    max_branches: Positive = 2000
    """In one session, sub-conversations and deleted ones among them."""
    max_metadata_bytes: Positive = 16 << 10
    """In the metadata of one session."""
    max_batch: Positive = 1000
    """Messages, or tool runs, in one step."""
    max_page: Positive = 500
    """Items on a page at most."""
    keys_kept_for: Seconds = 86_400
    """How long an idempotency key is remembered."""
    tombstone_kept_for: Seconds = 86_400
    """How long the name of a deleted session stays taken."""
    sweep_every: Annotated[float, Meta(ge=0)] = 60
    """Seconds between clean-ups of what has expired; 0 turns them off."""
    projects: dict[str, ProjectPolicy] = {}
    """By project, what is different there."""

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
