"""What is read: stored bytes with a thin, lazy face. Nothing here is validated again.

A page has many of these, so each is made in C: a Struct that is a mapping, rather than a class of the abstract one, whose
``__init__`` costs three times as much as the reading of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

__all__ = ["Counts", "Message", "Page", "ToolRun"]

T = TypeVar("T")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


if TYPE_CHECKING:

    class _Face(msgspec.Struct, Mapping[str, Any]):  # pyright: ignore[reportGeneralTypeIssues]
        pass

else:

    class _Face(msgspec.Struct, eq=False):
        """What a mapping can do besides what its fields say, from the abstract one."""

        __hash__, __eq__, __contains__, __reversed__ = None, Mapping.__eq__, Mapping.__contains__, None
        get, keys, values, items = Mapping.get, Mapping.keys, Mapping.values, Mapping.items

    Mapping.register(_Face)


class _Stored(_Face):
    """A stored JSON object that is decoded when somebody looks inside."""

    raw: bytes
    """The object's JSON, as it is stored and as it goes to a client."""
    version: int | None = None
    """The session's version when this was read by itself; ``None`` for an item of a page."""
    _fields: dict[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The decoded object."""
        if self._fields is None:
            self._fields = _decode(self.raw)
        return self._fields

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fields!r})"


_ID = b'{"id":"'
"""How every stored message begins, with an id of plain letters."""


class Message(_Stored):
    """A stored message: a mapping of its fields, the usual ones also as attributes."""

    @property
    def id(self) -> str:
        """Unique in the session; names the message's place."""
        if self._fields is None and self.raw.startswith(_ID):  # there is no need to decode it all
            return self.raw[len(_ID) : self.raw.index(b'"', len(_ID))].decode()
        return self.fields["id"]

    @property
    def role(self) -> str:
        """Who speaks: ``system``, ``developer``, ``user``, ``assistant`` or ``tool``."""
        return self.fields["role"]

    @property
    def content(self) -> str | list[dict[str, Any]]:
        """The text, or the list of parts."""
        return self.fields["content"]

    @property
    def created_at(self) -> int:
        """When it was said: milliseconds since 1970, UTC."""
        return self.fields["created_at"]

    @property
    def metadata(self) -> dict[str, Any]:
        """The client's own fields."""
        return self.fields.get("metadata") or {}

    @property
    def text(self) -> str:
        """The words alone, without tool calls, results and thoughts."""
        content = self.content
        if isinstance(content, str):
            return content
        return "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")


class ToolRun(_Stored):
    """A stored tool run: a mapping of its fields, the usual ones also as attributes."""

    @property
    def id(self) -> str:
        """Unique in the session; names the run's place in the log."""
        return self.fields["id"]

    @property
    def tool(self) -> str:
        """The tool's name."""
        return self.fields["tool"]

    @property
    def status(self) -> str:
        """``running``, ``succeeded`` or ``failed``."""
        return self.fields["status"]


class Counts(msgspec.Struct, frozen=True):
    """How many records a session has, by kind."""

    messages: int = 0
    tools: int = 0
    originals: int = 0


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list, and the cursors of the parts beside it (``None``: nothing there)."""

    items: Sequence[T]
    next: str | None = None
    previous: str | None = None
    version: int | None = None
    """The version of the session that the page is a part of, at the moment that it shows."""
    large: bool = False
    """Whether some of its messages may have parts that are kept apart."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
