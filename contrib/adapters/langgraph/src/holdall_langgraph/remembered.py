"""Lists of messages as they were read last: to see at once what of a list is stored, and to make it without reading it.

A graph gives back the list that it was given with a few messages more, and any of them may have been changed in place. So
all of them are looked at, in one call of the serialiser on their plain fields, which is a tenth of serialising messages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from holdall_langgraph.messages import Place, Run

__all__ = ["Listed", "Memo", "Memos", "remembered"]

Typed = tuple[BaseMessage, tuple[str, bytes]]
"""A message, and how it is serialised."""
_OWN = (AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage)
"""Classes of which a message is its fields and nothing else."""
_LARGEST, _MOST = 16 << 20, 64 << 20
"""Bytes of one list, and of all that a checkpointer remembers."""


@dataclass(frozen=True, slots=True)
class Memo:
    """A list of messages as it is stored, of one state of its session."""

    of: object
    """The state."""
    runs: Sequence[Run]
    last: str
    """The id of the record that has the last message."""
    kinds: list[type[BaseMessage]]
    given: list[frozenset[str]]
    """Of each message, the names of the fields that it was made with."""
    packed: tuple[str, bytes]

    @property
    def end(self) -> Place:
        """The place behind the last message."""
        return self.last, 0

    def begins(self, listed: Sequence[BaseMessage], serde: SerializerProtocol) -> bool:
        """Whether ``listed`` begins with these messages, as they are stored."""
        head = listed[: len(self.kinds)]
        return [type(one) for one in head] == self.kinds and serde.dumps_typed(_plain(head)) == self.packed

    def split(self, runs: Sequence[Run]) -> tuple[int, Sequence[Run]]:
        """How many of these messages ``runs`` begin with, and what else is to be read."""
        count = 0
        for at, run in enumerate(runs):
            if at == len(self.runs):
                return count, runs[at:]
            (after, skip, long), mine = run, self.runs[at]
            if run != mine:
                if (after, skip) != mine[:2]:
                    return 0, runs
                if long < mine[2] and at == len(runs) - 1:
                    return count + long, []
                if long > mine[2] and at == len(self.runs) - 1:
                    return count + mine[2], [(*self.end, long - mine[2]), *runs[at + 1 :]]
                return 0, runs
            count += long
        return count, []

    def made(self, count: int, serde: SerializerProtocol) -> list[BaseMessage]:
        """New messages like the first ``count`` of these."""
        fields, extra = cast("Sequence[list[Any]]", serde.loads_typed(self.packed))
        return [*map(_made, self.kinds[:count], self.given, fields, extra)]


def remembered(
    of: object, runs: Sequence[Run], last: str, messages: Sequence[BaseMessage], serde: SerializerProtocol
) -> Memo | None:
    """A memo of messages that were read just now; ``None`` where they, or the serialiser, are of a kind of their own."""
    kinds = [type(one) for one in messages]
    if type(serde) is not JsonPlusSerializer or not {*kinds} <= {*_OWN}:
        return None
    if any(one.__pydantic_private__ for one in messages):
        return None
    packed = serde.dumps_typed(_plain(messages))
    if len(packed[1]) > _LARGEST:
        return None
    same: dict[frozenset[str], frozenset[str]] = {}
    given = [same.setdefault(names, names) for names in (frozenset(one.model_fields_set) for one in messages)]
    return Memo(of, runs, last, kinds, given, packed)


def _plain(messages: Sequence[BaseMessage]) -> tuple[list[Any], list[Any]]:
    return [one.__dict__ for one in messages], [one.__pydantic_extra__ for one in messages]


_set = object.__setattr__


def _made(kind: type[BaseMessage], given: frozenset[str], fields: dict[str, Any], extra: Any) -> BaseMessage:
    """A message of these fields, made as a copy of one is."""
    message = kind.__new__(kind)
    _set(message, "__dict__", fields)
    _set(message, "__pydantic_extra__", extra)
    _set(message, "__pydantic_fields_set__", {*given})
    _set(message, "__pydantic_private__", None)
    return message


@dataclass(slots=True)
class Listed:
    """A list of messages as it was when it was given to be stored."""

    memo: Memo | None
    """What it begins with."""
    typed: list[Typed]
    """The messages behind those."""

    def at(self, state: object, serde: SerializerProtocol) -> tuple[Memo | None, list[Typed]]:
        """The same, where a session is in that state: what is remembered of another one is no longer known."""
        if self.memo is not None and self.memo.of is not state:
            first = self.memo.made(len(self.memo.kinds), serde)
            self.memo, self.typed = None, [*((one, serde.dumps_typed(one)) for one in first), *self.typed]
        return self.memo, self.typed


class Memos:
    """The memos of one checkpointer, the latest ones; by session and channel."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Memo] = OrderedDict()
        self._size = 0

    def of(self, session: str, channel: str, state: object) -> Memo | None:
        """The memo of a channel, if it is of that state of the session."""
        found = self._kept.get((session, channel))
        if found is None or found.of is not state:
            return None
        self._kept.move_to_end((session, channel))
        return found

    def keep(self, session: str, channel: str, memo: Memo) -> None:
        """Remember ``memo``, in the place of what was remembered longest ago."""
        self._forget(self._kept.pop((session, channel), None))
        self._kept[session, channel] = memo
        self._size += len(memo.packed[1])
        while self._size > _MOST:
            self._forget(self._kept.popitem(last=False)[1])

    def _forget(self, memo: Memo | None) -> None:
        self._size -= 0 if memo is None else len(memo.packed[1])
