"""The shapes of bodies and answers, for the OpenAPI document. What validates is the core; these are its models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdall.sessions.models import (
    Metadata,
    Milliseconds,
    Name,
    NewMessage,
    NewSession,
    NewToolRun,
    Owner,
    Part,
    Seconds,
    Usage,
)

__all__ = [
    "Appended",
    "Batch",
    "BranchChanges",
    "BranchPage",
    "BranchView",
    "Cleared",
    "ComparisonView",
    "CreateSession",
    "EndSession",
    "ExportRequest",
    "ExtendSession",
    "Fork",
    "Live",
    "MessageChanges",
    "MessagePage",
    "OriginalPage",
    "ProblemDetails",
    "Ready",
    "RestoreVersion",
    "Revert",
    "SessionPage",
    "SessionView",
    "StoredMessage",
    "StoredToolRun",
    "ThreadPage",
    "ToolRunPage",
]

STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
BranchName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
MessageId = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
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
    format: str = "jsonl"
    """The name of a format that can be exported to."""
    branch: BranchName | None = None
    """Whose messages; those that the session shows when absent."""
    branches: Literal["all"] | None = None
    """The messages of all branches, each once, and what edited ones said before; not every format can say that."""


class Fork(BaseModel):
    """A branch to make. Without `at`, `before` and `under` it has what the session shows now."""

    model_config = STRICT
    name: BranchName | None = None
    """Stays what it is, for the ids of its messages have it; one is found when absent."""
    title: Annotated[str, Field(max_length=500)] | None = None
    at: MessageId | None = None
    """The last message that it has."""
    before: MessageId | None = None
    """The first message that it does not have; not together with `at`."""
    switch: bool = False
    """Whether it becomes the current branch."""
    under: MessageId | None = None
    """Makes a sub-conversation instead, without messages, under this message, or the branch of this name.

    Not together with `at`, `before` and `switch`. Its name begins with `sub-`.
    """
    kind: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Who or what speaks in a sub-conversation: an agent's name, for instance."""
    call: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The id of the tool call that started a sub-conversation."""


class BranchChanges(BaseModel):
    """One thing to change of a branch."""

    model_config = STRICT | ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    title: Annotated[str, Field(max_length=500)] | None = None
    current: Annotated[bool, Field(json_schema_extra={"const": True})] = True
    """True makes it what is read, and added to, where nobody names a branch."""
    deleted: Annotated[bool, Field(json_schema_extra={"const": False})] = False
    """False brings a deleted branch back."""


class Revert(BaseModel):
    """Where what the session shows shall end."""

    model_config = STRICT
    to: MessageId
    branch: BranchName | None = None
    """The branch to show; the current one when absent."""


class UnderView(BaseModel):
    """What a sub-conversation was started from."""

    branch: str
    """The branch that the message is of; where there is none, the one that it belongs to as a whole."""
    message: str | None
    kind: str | None
    call: str | None


class BranchView(BaseModel):
    """A branch."""

    name: str
    title: str | None
    parent: str | None
    """The branch that it leaves; null for `main`, and for one that begins before the first message."""
    at: str | None
    """The last message that it has from its parent."""
    created_at: Milliseconds
    created_by: str
    messages: int
    """How many messages its conversation has, those from before the fork included."""
    last: str | None
    """Its latest message."""
    current: bool
    deleted_at: Milliseconds | None
    deleted_by: str | None
    under: UnderView | None
    """What it was started from, if it is a sub-conversation."""


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
    branch: str
    """The current one: what is read, and added to, where nobody names a branch."""
    reverted_to: str | None
    """The message that a revert made the last one that is shown."""
    ended: EndView | None = None


class PartReference(BaseModel):
    """What a message says of a value that is kept apart: `GET …/parts/:hash` has it."""

    at: str
    """A JSON Pointer to its place, where an empty text or null stands for it."""
    hash: str
    """The SHA-256 of its bytes."""
    bytes: int
    kind: Literal["text", "json"] = "text"
    """What the bytes are: a text, or the value's JSON."""


class StoredMessage(NewMessage):
    """A message as it is stored."""

    id: str
    large_parts: list[PartReference] | None = None
    """With `parts=reference`: what stands elsewhere."""
    created_at: Milliseconds  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class StoredToolRun(NewToolRun):
    """A tool run as it is stored."""

    id: str
    started_at: Milliseconds  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class MessageChanges(BaseModel):
    """Fields of a message to change, whole; null takes one away. Others, that Holdall does not know, may be given."""

    model_config = ConfigDict(extra="allow", strict=True, json_schema_extra={"minProperties": 1})
    role: Literal["system", "developer", "user", "assistant", "tool"] = "user"
    content: str | list[Part] = ""
    name: Name | None = None
    metadata: Metadata | None = None
    model: Name | None = None
    usage: Usage | None = None
    cost_usd: Annotated[float, Field(ge=0, le=10_000)] | None = None
    latency_ms: Annotated[float, Field(ge=0, le=10**9)] | None = None
    original: Annotated[int, Field(ge=0)] | None = None


class RestoreVersion(BaseModel):
    """Which version of a message to make the newest again."""

    model_config = STRICT
    version: Annotated[int, Field(ge=1)]


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


class ThreadView(BaseModel):
    """A thread."""

    root: StoredMessage
    """What it is about: a message that replies to none."""
    replies: int
    """How many messages reply to it, or to its replies."""
    last: StoredMessage
    """The latest of them."""


class ThreadPage(_Page):
    """Threads, in the order of their first replies."""

    items: list[ThreadView]


class BranchPage(_Page):
    """Branches by name, `main` first."""

    items: list[BranchView]


class SideView(BaseModel):
    """What one of two branches has, and the other has not."""

    branch: str
    messages: int
    """How many."""
    items: list[StoredMessage]
    """The first of them."""
    next: OpaqueCursor | None
    """Goes on in the branch's history, as `after`."""


class ComparisonView(BaseModel):
    """Two branches, side by side."""

    ancestor: str | None
    """The last message that both have."""
    left: SideView
    right: SideView


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
