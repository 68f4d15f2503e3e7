"""The names of partitions, lanes, marks, and the ids that people see."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Literal, cast

from holdall.errors import Invalid, NotFound

SESSION, MESSAGES, TOOLS, ORIGINALS, KEYS = "session", "messages/main", "tools", "originals", "keys"
RECENT, EXPIRES, BYTES, PRESENCE = "recent", "expires", "bytes", "presence"
"""Marks: last activity (µs), time to sweep (ms), bytes stored, last heartbeat of a process (ms)."""
SHREDDING = "shredding"
"""The mark of an encrypted partition whose key is about to be destroyed."""

APART = frozenset((SESSION, KEYS, "claim", "beats", "probe"))
"""Lanes that are never compressed: metadata, keys and the like stay out of what lengths could tell of (SEC-CRY-07)."""

MESSAGE_WITH_ID, TOOL_RUN_WITH_ID = b'{"id":"msg_main_%010d",%b', b'{"id":"toolrun_%010d",%b'
"""A JSON object with the id of its position in front: from the position, and the object without its first brace."""

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""Who may speak."""

_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MESSAGE, _RUN = "msg_main_", "toolrun_"
_DIGITS = 10
_MOST = 200


def new_id() -> str:
    """A time-ordered id nobody can guess: a UUID of version 7 (RFC 9562)."""
    from uuid_utils import uuid7  # noqa: PLC0415 - a process that only reads names nothing

    return str(uuid7())


@lru_cache(maxsize=8192)
def session_partition(session: str) -> str:
    """Where a session lives; refuses what cannot be an id before any I/O."""
    if not _ID.fullmatch(session):
        raise NotFound("session", session[:64])
    return f"session/{session}"


def message_id(position: int) -> str:
    """The id of the message at ``position``: it names its place, so finding it needs no index."""
    return f"msg_main_{position:010d}"


def message_position(message: str) -> int:
    """The position that a message id names."""
    return _position(message, _MESSAGE, "message")


def tool_run_id(position: int) -> str:
    """The id of the tool run at ``position``."""
    return f"toolrun_{position:010d}"


def tool_run_position(run: str) -> int:
    """The position that a tool run's id names."""
    return _position(run, _RUN, "tool run")


def _position(name: str, prefix: str, what: str) -> int:
    digits = name[len(prefix) :]
    if not name.startswith(prefix) or len(digits) != _DIGITS or not digits.isascii() or not digits.isdigit():
        raise NotFound(what, name[:64])
    return int(digits)


@lru_cache(maxsize=8192)
def hashed(kind: str, *parts: str) -> str:
    """A name derived from ``parts``: each is hashed with its length before it, so no two lists of parts meet."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return f"{kind}/{digest.hexdigest()[:40]}"


def checked_text(text: str, what: str, pointer: str = "") -> str:
    """``text``, if it is text that can be stored as UTF-8; ``what`` it is, for the error."""
    given = cast("object", text)  # a caller without types may give anything
    if not isinstance(given, str):
        raise Invalid(f"{what} is text, not {type(given).__name__}", pointer=pointer)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{what} has half of a surrogate pair", pointer=pointer) from None
    return given


def checked_owner(owner: str) -> str:
    """``owner``, if it can be one: 1 to 200 characters, none of them a control character."""
    if not checked_text(owner, "an owner", "/owner") or len(owner) > _MOST or not owner.isprintable():
        raise Invalid("an owner is 1 to 200 printable characters", pointer="/owner")
    return owner
