"""The shapes of what clients send, validated at the edge and never again on the read path.

Only what checks input imports this module: reading a session needs no pydantic.

Their JSON Schemas are published by ``holdall check --schema NAME`` and in the HTTP API's OpenAPI document.
Every time is an integer: milliseconds since 1970, UTC. Every duration is in seconds unless its name says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from holdall.sessions.names import Role

__all__ = [
    "DataPart",
    "FilePart",
    "ImagePart",
    "Metadata",
    "NewMessage",
    "NewSession",
    "NewToolRun",
    "OtherPart",
    "Part",
    "SessionChanges",
    "TextPart",
    "ThinkingPart",
    "ToolCallPart",
    "ToolResultPart",
    "ToolRunEnd",
    "Usage",
]

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Owner = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Title = Annotated[str, StringConstraints(max_length=500)]
Metadata = dict[Annotated[str, StringConstraints(min_length=1, max_length=128)], Any]
Milliseconds = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
Seconds = Annotated[int, Field(gt=0, le=315_360_000)]

STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
OPEN = ConfigDict(extra="allow", strict=True, hide_input_in_errors=True)
"""For what is exchanged with other programs: fields that we don't know survive a round trip."""


class TextPart(BaseModel):
    """Words."""

    model_config = OPEN
    type: Literal["text"]
    text: str


class ThinkingPart(BaseModel):
    """What a model thought before it answered."""

    model_config = OPEN
    type: Literal["thinking"]
    text: str = ""


class ToolCallPart(BaseModel):
    """A model's request to run a tool."""

    model_config = OPEN
    type: Literal["tool_call"]
    id: str
    name: str
    arguments: Any = None


class ToolResultPart(BaseModel):
    """What a tool answered to the call ``id``."""

    model_config = OPEN
    type: Literal["tool_result"]
    id: str
    content: Any = None
    is_error: bool = False


class ImagePart(BaseModel):
    """A reference to an image, or its data as base64."""

    model_config = OPEN
    type: Literal["image"]
    url: str | None = None
    data: str | None = None
    media_type: str | None = None


class FilePart(BaseModel):
    """A reference to a file."""

    model_config = OPEN
    type: Literal["file"]
    url: str | None = None
    name: str | None = None
    media_type: str | None = None


class DataPart(BaseModel):
    """Any other JSON value."""

    model_config = OPEN
    type: Literal["data"]
    data: Any = None


KNOWN_PARTS = ("text", "thinking", "tool_call", "tool_result", "image", "file", "data")


class OtherPart(BaseModel):
    """A kind of part that Holdall does not know, kept as it came."""

    model_config = OPEN
    type: Annotated[
        str,
        StringConstraints(min_length=1, max_length=64),
        Field(json_schema_extra={"not": {"enum": list(KNOWN_PARTS)}}),
    ]


def _part_tag(value: Any) -> str:
    kind: Any = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return kind if kind in KNOWN_PARTS else "other"


Part = Annotated[
    Annotated[TextPart, Tag("text")]
    | Annotated[ThinkingPart, Tag("thinking")]
    | Annotated[ToolCallPart, Tag("tool_call")]
    | Annotated[ToolResultPart, Tag("tool_result")]
    | Annotated[ImagePart, Tag("image")]
    | Annotated[FilePart, Tag("file")]
    | Annotated[DataPart, Tag("data")]
    | Annotated[OtherPart, Tag("other")],
    Discriminator(_part_tag),
]
"""Of each kind; the tags name the branch in the place of a fault (see ``inputs.pointer_to``)."""


Tokens = Annotated[int, Field(ge=0, le=10**12)]


class Usage(BaseModel):
    """The tokens that a model took to say a message, in the words of its own interface: OpenAI's or Anthropic's.

    Totals count input tokens with those that came from a cache: where ``input_tokens`` has them not (Anthropic),
    ``cache_read_input_tokens`` and ``cache_creation_input_tokens`` are added.
    """

    model_config = OPEN
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None


class NewMessage(BaseModel):
    """A message as a client gives it. Fields that Holdall does not know are kept."""

    model_config = OPEN
    role: Role
    content: str | list[Part]
    created_at: Milliseconds | None = None
    """When it was said; the store's clock when absent."""
    name: Name | None = None
    metadata: Metadata | None = None
    model: Name | None = None
    """Which model said it."""
    usage: Usage | None = None
    cost_usd: Annotated[float, Field(ge=0, le=10_000)] | None = None
    """What it cost, in US dollars."""
    latency_ms: Annotated[float, Field(ge=0, le=10**9)] | None = None
    """How long it was waited for."""
    original: Annotated[int, Field(ge=0)] | None = None
    """The position, in the session's originals, of the record that this message was made from."""
    reply_to: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    """The id of a message of the session that this one replies to, in whose thread it is."""


class NewToolRun(BaseModel):
    """One run of a tool, as a client gives it: finished, or to be finished later."""

    model_config = STRICT
    tool: Name
    arguments: Any = None
    call: Annotated[str, StringConstraints(max_length=200)] | None = None
    """The id of the tool call part that asked for it."""
    message: Annotated[str, StringConstraints(max_length=64)] | None = None
    """The id of the message that asked for it."""
    status: Literal["running", "succeeded", "failed"] = "succeeded"
    result: Any = None
    error: str | None = None
    started_at: Milliseconds | None = None
    duration_ms: Annotated[float, Field(ge=0)] | None = None
    metadata: Metadata | None = None


class ToolRunEnd(BaseModel):
    """How a running tool ended."""

    model_config = STRICT
    status: Literal["succeeded", "failed"] = "succeeded"
    result: Any = None
    error: str | None = None
    duration_ms: Annotated[float, Field(ge=0)] | None = None


class NewSession(BaseModel):
    """What a client may say of a session when it is created."""

    model_config = STRICT
    project: Name | None = None
    title: Title | None = None
    tags: Annotated[list[Label], Field(max_length=16)] = []
    metadata: Metadata = {}
    ttl: Seconds | None = None
    """Idle seconds until it expires, restarted by appends and heartbeats; the configured default when absent."""
    max_lifetime: Seconds | None = None
    """Seconds after its creation that nothing extends it beyond; the configured default when absent."""


class SessionChanges(BaseModel):
    """What a client may change of a session; absent fields stay."""

    model_config = STRICT
    project: Name | None = None
    title: Title | None = None
    tags: Annotated[list[Label], Field(max_length=16)] | None = None
    metadata: Metadata | None = None
    ttl: Seconds | None = None
