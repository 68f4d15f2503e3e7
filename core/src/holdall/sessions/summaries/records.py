"""The record of a summary, and what is told of one."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from holdall.errors import Damaged
from holdall.sessions.markers import MARKER
from holdall.sessions.summaries.covers import Covers, Since

__all__ = ["Summary", "SummaryRecord", "encoded", "parse_summary", "said"]


class SummaryRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A summary as it is stored, in format 1. Times are in milliseconds since 1970, UTC."""

    format: Literal[1] = 1
    id: str
    first: str
    """The id of the first message that it stands for."""
    last: str
    """The id of the last one."""
    messages: int
    """How many messages were read for it."""
    text: str
    tokens: int | None = None
    """Of the text, where they were counted."""
    tokenizer: str | None = None
    summariser: str | None = None
    """``None``: a person, or another program, wrote it."""
    about: dict[str, Any] = {}
    """What the summariser says of how it works."""
    covers: Covers
    builds_on: str | None = None
    """The summary that it was made of, beside messages."""
    replaces: str | None = None
    replaced_by: str | None = None
    created_at: int
    created_by: str


class Summary(msgspec.Struct, frozen=True):
    """A summary, as it was at one moment."""

    record: SummaryRecord
    since: Since
    """What has happened since to the messages that it stands for."""
    version: int
    """The session's."""

    @property
    def id(self) -> str:
        """Unique in the session; names its place."""
        return self.record.id

    @property
    def text(self) -> str:
        """What it says; nothing once a message that it stands for is redacted."""
        return said(self.record, self.since)

    @property
    def stale(self) -> bool:
        """Whether a message that it stands for was changed since, or is gone."""
        return self.since is not Since.NOTHING

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        record = self.record
        names = (
            "id", "first", "last", "messages", "text", "tokens", "tokenizer", "summariser", "about", "builds_on",
            "replaces", "replaced_by", "created_at", "created_by",
        )  # fmt: skip
        covers = [
            {"branch": run.branch, "messages": run.stop - run.start, "rewritten": run.rewritten}
            for run in record.covers.runs
        ]
        told = {**{name: getattr(record, name) for name in names}, "text": self.text}
        return {**told, "covers": covers, "stale": self.stale}


def said(record: SummaryRecord, since: Since) -> str:
    """What a summary says."""
    return MARKER if since is Since.REDACTED else record.text


encoded = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(SummaryRecord | None).decode


def parse_summary(data: bytes) -> SummaryRecord | None:
    """A stored summary; ``None`` for one that was lost, where a repair put ``null`` in its place."""
    try:
        return _decode(data)
    except ValueError:
        raise Damaged("a summary", "it is not what was written") from None
