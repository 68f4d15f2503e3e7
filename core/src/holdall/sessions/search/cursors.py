"""Where a page of a search goes on, as text that only the same search takes back."""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Any, TypeVar

import msgspec

from holdall.errors import Invalid
from holdall.searching import Key

__all__ = ["Best", "Newest", "Scanned", "encoded", "parsed"]

_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]


class Newest(msgspec.Struct, array_like=True, tag="n", frozen=True):
    """Behind a message, in time."""

    before: Key


class Best(msgspec.Struct, array_like=True, tag="b", frozen=True):
    """Behind a message of a certain score, among those before another, with what scores were made of."""

    score: float
    key: Key
    before: Key
    counts: list[_Count]


class Scanned(msgspec.Struct, array_like=True, tag="s", frozen=True):
    """Before a message of a session that was not read to its end."""

    score: _Count
    partition: Annotated[str, msgspec.Meta(pattern="^session/[A-Za-z0-9_-]{16,64}$")]
    branch: str
    position: _Count


C = TypeVar("C", Newest, Best, Scanned)


def encoded(ask: msgspec.Struct, place: Newest | Best | Scanned) -> str:
    """The cursor of ``place`` in what is asked."""
    data = msgspec.msgpack.encode([_print(ask), place])
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def parsed(ask: msgspec.Struct, cursor: str, kind: type[C]) -> C:
    """The place that a cursor stands for; raises ``Invalid`` for one of another search."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        print_, place = msgspec.msgpack.decode(data, type=tuple[bytes, kind])
    except ValueError:
        raise Invalid("is not a cursor that this search gave", pointer="/cursor") from None
    if print_ != _print(ask):
        raise Invalid("belongs to a search for something else", pointer="/cursor")
    found: Any = place
    return found


def _print(ask: msgspec.Struct) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(ask), digest_size=6).digest()
