"""The ``session`` record: what is stored of a session beside its head."""

# Annotations are objects here, not text: each text would be compiled whenever a process starts.

from typing import Any, Literal

import msgspec

from holdall.errors import CodecError, Damaged

__all__ = ["SessionRecord", "View", "encode_record", "parse_record"]


class View(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a session is shown, and added to, where nobody names a branch."""

    branch: str
    stop: int | None = None
    """The position that the view ends before; ``None``: at the branch's end."""
    to: str | None = None
    """The id of the message that a revert made the last one."""


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ``session`` record as it is stored, in format 1. Times are in milliseconds since 1970, UTC."""

    format: Literal[1]
    id: str
    owner: str
    key: str | None = None
    project: str | None = None
    title: str | None = None
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    status: Literal["active", "ended", "deleted"] = "active"
    created_at: int
    ttl: int | None = None
    ends_at: int | None = None
    """The absolute limit; no extension passes it."""
    ended_at: int | None = None
    ended_by: str | None = None
    end_reason: str | None = None
    forced: bool = False
    view: View | None = None
    """``None``: all of ``main``."""
    branches: int = 0
    """How many branches were made beside ``main``."""


class _Format(msgspec.Struct):
    """What every format of the record has."""

    format: Any = None


_decode = msgspec.json.Decoder(SessionRecord).decode
_encode = msgspec.json.Encoder().encode


def parse_record(data: bytes, name: str) -> SessionRecord:
    """A stored ``session`` record, read and checked in one pass; ``name`` is for the error."""
    try:
        return _decode(data)
    except ValueError:
        if _is_other_format(data):
            raise CodecError(name, "its format is not 1, which is the one that this version reads") from None
        raise Damaged(name, "its session record is not what was written") from None


def _is_other_format(data: bytes) -> bool:
    try:
        return msgspec.json.decode(data, type=_Format).format != 1
    except ValueError:
        return False


def encode_record(record: SessionRecord) -> bytes:
    """The stored form of a ``session`` record: JSON, without the fields that say nothing."""
    return _encode(record)
