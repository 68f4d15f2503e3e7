"""The names of partitions, lanes, marks, and the ids that people see."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, cast

from holdall.digests import sha256
from holdall.errors import Invalid, NotFound

SESSION, MESSAGES, TOOLS, ORIGINALS, KEYS = "session", "messages/main", "tools", "originals", "keys"
REDACTED = "redacted"
"""The lane with what redacted messages said before."""
PARTS, CHUNKS = "parts", "chunks"
"""The lanes of large parts: which there are, and what is in them; see ``parts/``."""
THREADS, REPLIES, PLACES = "threads", "replies", "places"
"""The lanes of a session with messages that reply; see ``threads/``."""
EDITS = "edits"
"""The lane with the earlier versions of messages that were edited."""
EVENTS = "events"
"""The lane that tells followers of everything but what is added to the branch that is shown; see ``live/notes.py``."""
SUMMARIES, COMPACTIONS = "summaries", "compactions"
"""The lanes with what stands for messages: summaries of them, and what of a conversation models are shown."""
MAIN = "main"
"""The branch that every session has; the others have lanes beside its own."""
SUB = "sub-"
"""How the names of sub-conversations begin, and of no other branches: so a head tells them apart."""
RECENT, EXPIRES, BYTES, PRESENCE = "recent", "expires", "bytes", "presence"
"""Marks: last activity (µs), time to sweep (ms), bytes stored, last heartbeat of a process (ms)."""
TOUCHED = "touched"
"""The mark of a session that was changed without being active: when (µs). What is active moves ``recent`` instead."""
SHREDDING = "shredding"
"""The mark of an encrypted partition whose key is about to be destroyed."""

APART = frozenset((SESSION, KEYS, EVENTS, "claim", "beats", "probe"))
"""Lanes that are never compressed: metadata, keys and the like stay out of what lengths could tell of (SEC-CRY-07)."""

LANES = frozenset((
    SESSION, MESSAGES, TOOLS, ORIGINALS, KEYS, EDITS, REDACTED, EVENTS, PARTS, CHUNKS, THREADS, REPLIES, PLACES,
    SUMMARIES, COMPACTIONS,
))  # fmt: skip
"""The lanes of a session besides those of branches."""

MESSAGE_WITH_ID, TOOL_RUN_WITH_ID = b'{"id":"msg_main_%010d",%b', b'{"id":"toolrun_%010d",%b'
"""A JSON object with the id of its position in front: from the position, and the object without its first brace."""

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""Who may speak."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_SHORTEST_ID, _LONGEST_ID = 16, 64
_MESSAGE, _RUN, _SUMMARY, _COMPACTION = "msg_main_", "toolrun_", "summary_", "compaction_"
_DIGITS = 10
_BRANCHES, _DELETED, _TOTALS, _LONGEST_BRANCH = "messages/", "deleted/", "totals/", 40
_MOST = 200


def new_id() -> str:
    """A time-ordered id nobody can guess: a UUID of version 7 (RFC 9562)."""
    from uuid_utils import uuid7  # noqa: PLC0415 - a process that only reads names nothing

    return str(uuid7())


@lru_cache(maxsize=8192)
def session_partition(session: str) -> str:
    """Where a session lives; refuses what cannot be an id before any I/O."""
    if not _SHORTEST_ID <= len(session) <= _LONGEST_ID or session.strip(_LETTERS):
        raise NotFound("session", session[:64])
    return f"session/{session}"


def messages_lane(branch: str) -> str:
    """The lane with a branch's own messages; that of any but ``main`` begins with what the branch is."""
    return _BRANCHES + branch


def deleted_lane(branch: str) -> str:
    """The lane that is there while a branch is deleted."""
    return _DELETED + branch


def totals_lane(branch: str) -> str:
    """The lane with what a branch's own messages come to; see ``totals.py``."""
    return _TOTALS + branch


def branch_of(lane: str) -> str | None:
    """The branch whose messages ``lane`` has, if that is what it has."""
    return lane.removeprefix(_BRANCHES) if lane.startswith(_BRANCHES) else None


def is_lane(name: str) -> bool:
    """Whether a session can have a lane called so."""
    branches = [name[len(kind) :] for kind in (_BRANCHES, _DELETED, _TOTALS) if name.startswith(kind)]
    return name in LANES or any(map(_is_branch, branches))


def is_of_totals(lane: str) -> bool:
    """Whether ``lane`` has sums over messages."""
    return lane.startswith(_TOTALS)


def is_of_branch(lane: str) -> bool:
    """Whether ``lane`` is there for a branch other than ``main``."""
    return lane.startswith((_BRANCHES, _DELETED)) and lane != MESSAGES


def is_of_main(message: str | None) -> bool:
    """Whether ``message``, if it is one, can be the id of a message of ``main``."""
    return message is None or (message.startswith(_MESSAGE) and len(message) == len(_MESSAGE) + _DIGITS)


def is_sub(branch: str) -> bool:
    """Whether a branch is a sub-conversation."""
    return branch.startswith(SUB)


def checked_branch(name: str, pointer: str = "/name") -> str:
    """``name``, if a branch can be called so: 1 to 40 letters, digits, ``-`` and ``_``, first a letter or digit."""
    if not _is_branch(checked_text(name, "a branch's name", pointer)):
        raise Invalid("has 1 to 40 letters, digits, - and _, and begins with a letter or digit", pointer=pointer)
    return name


def known_branch(name: str) -> str:
    """``name``, if there can be a branch called so; raises ``NotFound``."""
    if not _is_branch(name):
        raise NotFound("branch", name[:64])
    return name


def _is_branch(name: str) -> bool:
    plain = name.replace("-", "").replace("_", "")
    return 0 < len(name) <= _LONGEST_BRANCH and name[0] not in "-_" and plain.isascii() and plain.isalnum()


def message_id(position: int, branch: str = MAIN) -> str:
    """The id of the message at ``position``: it names its place, so finding it needs no index."""
    return f"msg_{branch}_{position:010d}"


@lru_cache(maxsize=1024)
def message_form(branch: str) -> bytes:
    """What ``MESSAGE_WITH_ID`` is for ``main``."""
    return MESSAGE_WITH_ID if branch == MAIN else b'{"id":"msg_%b_%%010d",%%b' % branch.encode()


def message_place(message: str) -> tuple[str, int]:
    """The branch and the position that a message id names."""
    branch = message[len("msg_") : -_DIGITS - 1]
    if not message.startswith("msg_") or not _is_branch(branch):
        raise NotFound("message", message[:64])
    return branch, _position(message, f"msg_{branch}_", "message")


def message_position(message: str) -> int:
    """The position that the id of a message of ``main`` names."""
    return _position(message, _MESSAGE, "message")


def tool_run_id(position: int) -> str:
    """The id of the tool run at ``position``."""
    return f"toolrun_{position:010d}"


def tool_run_position(run: str) -> int:
    """The position that a tool run's id names."""
    return _position(run, _RUN, "tool run")


def summary_id(position: int) -> str:
    """The id of the summary at ``position``."""
    return f"{_SUMMARY}{position:010d}"


def summary_position(summary: str) -> int:
    """The position that a summary's id names."""
    return _position(summary, _SUMMARY, "summary")


def compaction_id(position: int) -> str:
    """The id of the compaction at ``position``."""
    return f"{_COMPACTION}{position:010d}"


def compaction_position(compaction: str) -> int:
    """The position that a compaction's id names."""
    return _position(compaction, _COMPACTION, "compaction")


def _position(name: str, prefix: str, what: str) -> int:
    digits = name[len(prefix) :]
    if not name.startswith(prefix) or len(digits) != _DIGITS or not digits.isascii() or not digits.isdigit():
        raise NotFound(what, name[:64])
    return int(digits)


@lru_cache(maxsize=8192)
def hashed(kind: str, *parts: str) -> str:
    """A name derived from ``parts``: each is hashed with its length before it, so no two lists of parts meet."""
    digest = sha256()
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
