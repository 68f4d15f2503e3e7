"""The shapes of bodies and answers, for the OpenAPI document. What validates is the core; these are its models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdall.formats import EXPORTS
from holdall.sessions.models import Milliseconds, Name, NewMessage, NewSession, NewToolRun, Owner, Seconds

__all__ = [
    "Appended",
    "Batch",
    "Cleared",
    "CreateSession",
    "EndSession",
    "ExportRequest",
    "ExtendSession",
    "Live",
    "MessagePage",
    "OriginalPage",
    "ProblemDetails",
    "Ready",
    "SessionPage",
    "SessionView",
    "StoredMessage",
    "StoredToolRun",
    "ToolRunPage",
]

STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
OpaqueCursor = Annotated[str, Field(description="Opaque; give it back as it is.")]


class CreateSession(NewSession):
    """A session to create, perhaps with its first messages."""

    key: Name | None = None
    """The owner's own name for it: the session of that name is given back if there is one."""
    owner: Owner | None = None
    """For admins only: whose it shall be."""
    messages: Annotated[list[NewMessage], Field(default_factory=list)]


class ExtendSession(BaseModel):
    """How long the session may be idle from now on; its old ttl when absent."""

    model_config = STRICT
    ttl: Seconds | None = None


class EndSession(BaseModel):
    """Why it ends, and whether writes that wait are let through first."""

    model_config = STRICT
    reason: Annotated[str, Field(max_length=1000)] | None = None
    force: bool = False


class Batch(BaseModel):
    """Messages, tool runs and original records, stored in one atomic step."""

    model_config = STRICT
    messages: list[NewMessage] = []
    tools: list[NewToolRun] = []
    originals: list[str] = []


class ExportRequest(BaseModel):
    """Which format to export to."""

    model_config = STRICT
    format: Annotated[str, Field(json_schema_extra={"enum": list(EXPORTS)})] = "jsonl"


class CountsView(BaseModel):
    """How many records there are of each kind."""

    messages: int
    tools: int
    originals: int


class EndView(BaseModel):
    """How a session ended."""

    at: Milliseconds
    by: str | None
    reason: str | None
    forced: bool


class SessionView(BaseModel):
    """A session."""

    id: str
    owner: str
    key: str | None
    project: str | None
    title: str | None
    tags: list[str]
    metadata: dict[str, Any]
    status: Literal["active", "ended"]
    version: int
    """Grows with each change; quoted, it is the ETag."""
    created_at: Milliseconds
    active_at: Milliseconds
    expires_at: Milliseconds | None
    ttl: int | None
    ends_at: Milliseconds | None
    counts: CountsView
    size: int
    ended: EndView | None = None


class StoredMessage(NewMessage):
    """A message as it is stored."""

    id: str
    created_at: Milliseconds  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class StoredToolRun(NewToolRun):
    """A tool run as it is stored."""

    id: str
    started_at: Milliseconds  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class Appended(BaseModel):
    """What a batch stored, and the session's version after it."""

    messages: list[StoredMessage]
    tools: list[StoredToolRun]
    version: int


class Cleared(BaseModel):
    """How many messages were erased."""

    cleared: int


class _Page(BaseModel):
    next: OpaqueCursor | None
    previous: OpaqueCursor | None


class SessionPage(_Page):
    """Sessions, most recently active first."""

    items: list[SessionView]


class MessagePage(_Page):
    """Messages, oldest first."""

    items: list[StoredMessage]


class ToolRunPage(_Page):
    """Tool runs, oldest first."""

    items: list[StoredToolRun]


class OriginalPage(_Page):
    """Records as an import found them, oldest first."""

    items: list[str]


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"]


class WorkersView(BaseModel):
    """The worker processes."""

    alive: int
    expected: int


class Ready(BaseModel):
    """A record was written to the storage and read back."""

    status: Literal["ready"]
    storage: str
    seconds: float
    workers: WorkersView


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    pointer: str | None = None
    """A JSON Pointer (RFC 6901) to the fault in the body."""
    parameter: str | None = None
    """The query parameter at fault."""
