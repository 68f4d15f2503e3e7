"""The shapes of bodies and answers about long conversations: contexts, compactions, summaries. See ``models.py``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from holdall.sessions.models import Milliseconds
from holdall_server.models import STRICT, BranchName, MessageId, OpaqueCursor

__all__ = [
    "Compact",
    "CompactedView",
    "CompactionPage",
    "CompactionView",
    "ContextView",
    "Summarise",
    "SummaryPage",
    "SummaryView",
]


class Compact(BaseModel):
    """What to make fit what."""

    model_config = STRICT
    budget: Annotated[int, Field(ge=1)] | None = None
    """Tokens; the deployment's own when absent."""
    above: Annotated[int, Field(ge=1)] | None = None
    """Only where a model sees more tokens than these; otherwise the answer has them as its `budget`."""
    branch: BranchName | None = None
    """Whose messages; those that the session shows when absent."""
    whole: bool = False
    """Whether to begin again with the whole conversation, rather than go on from the last compaction."""


class Summarise(BaseModel):
    """Which messages to summarise: all that the session shows when nothing is said."""

    model_config = STRICT
    first: MessageId | None = None
    last: MessageId | None = None
    branch: BranchName | None = None
    text: Annotated[str, Field(min_length=1, max_length=100_000)] | None = None
    """The summary, if somebody wrote it; otherwise the deployment's summariser is asked."""
    replaces: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")] | None = None
    """The summary of the same messages whose place it takes; not together with `first`, `last` and `branch`."""
    tokens: Annotated[int, Field(ge=1)] | None = None
    """How many it may have."""


class ContextView(BaseModel):
    """What a model should see now."""

    messages: list[dict[str, Any]]
    """As they are stored, or as OpenAI's. A summary is a message of the user."""
    branch: str
    compaction: str | None
    """The compaction that it rests on."""
    stale: bool
    """Whether a message that the compaction decided about was changed since."""
    tokens: int | None
    """Counted where a budget was given."""
    budget: int | None
    met: bool | None
    """Whether it fits the budget."""


class CoverView(BaseModel):
    """Messages of one branch, and the version that had last overwritten one of its messages."""

    branch: str
    messages: int
    rewritten: int


class SummaryView(BaseModel):
    """A summary."""

    id: str
    first: str
    last: str
    messages: int
    """How many were read for it."""
    text: str
    tokens: int | None
    tokenizer: str | None
    summariser: str | None
    """Null: somebody wrote it."""
    about: dict[str, Any]
    """What the summariser says of how it works."""
    builds_on: str | None
    """The summary that it was made of, beside messages."""
    replaces: str | None
    replaced_by: str | None
    created_at: Milliseconds
    created_by: str
    covers: list[CoverView]
    stale: bool
    """Whether a message that it stands for was changed since."""


class ElidedView(BaseModel):
    """A message of which output is left out."""

    message: str
    parts: list[int]


class ReplacedView(BaseModel):
    """Messages for which a summary is shown."""

    first: str
    last: str
    summary: str


class SizeView(BaseModel):
    """How much a context is."""

    messages: int
    tokens: int


class CompactionView(BaseModel):
    """What a model is shown of the messages up to `last`; all later ones are shown as they are."""

    id: str
    first: str
    last: str
    kept: list[list[str]]
    """The messages that are shown, as runs: the first and the last of each."""
    elided: list[ElidedView]
    replaced: list[ReplacedView]
    compactors: list[str]
    tokenizer: str
    budget: int
    before: SizeView
    after: SizeView
    created_at: Milliseconds
    created_by: str
    met: bool
    stale: bool


class CompactedView(BaseModel):
    """What a compaction came to."""

    compaction: CompactionView | None
    """The one that holds now."""
    new: bool
    """Whether it was made now."""
    met: bool
    messages: int
    tokens: int
    budget: int


class SummaryPage(BaseModel):
    """Summaries, oldest first."""

    items: list[SummaryView]
    next: OpaqueCursor | None
    previous: OpaqueCursor | None


class CompactionPage(BaseModel):
    """Compactions, oldest first."""

    items: list[CompactionView]
    next: OpaqueCursor | None
    previous: OpaqueCursor | None
