"""What the verbs of the contract carry, and what these values have in common.

A value is a frozen, slotted dataclass in everything but the price: ``dataclass`` writes and compiles methods for each
class whenever a process starts, and sets one field after the other. msgspec makes the class and each value in C
(docs/decisions/0011).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from operator import is_
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

from msgspec import Struct, StructMeta

from holdall.errors import Conflict

if TYPE_CHECKING:
    from dataclasses import Field
    from inspect import Signature
    from typing import ClassVar

__all__ = [
    "Address",
    "Commit",
    "Head",
    "Lane",
    "Records",
    "Scan",
    "Snapshot",
    "Span",
    "Value",
    "foreseen",
    "on_one_line",
]

_T = TypeVar("_T")


class _Asked:
    """What ``dataclasses`` looks for in a class (``replace``, ``asdict``, ``fields``), made when somebody asks."""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, value: Any, kind: type[Any]) -> Any:
        return getattr(_described(kind), self._name)


@cache
def _described(kind: type[Value]) -> type[Any]:
    """A dataclass with the fields of ``kind``."""
    from dataclasses import field, make_dataclass  # noqa: PLC0415 - only when somebody asks

    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    written = {
        name: of for each in reversed(kind.__mro__) for name, of in vars(each).get("__annotations__", {}).items()
    }
    described: list[tuple[str, Any, Any]] = [(name, written[name], field()) for name in names]
    for at, default in enumerate(defaults, len(names) - len(defaults)):
        factory: Any = getattr(default, "factory", None)
        of = field(default=default) if factory is None else field(default_factory=factory)
        described[at] = (names[at], written[names[at]], of)
    return make_dataclass(kind.__name__, described, frozen=True)


def _assign(_: object, name: str, value: object) -> NoReturn:
    del value
    _refuse(f"cannot assign to field {name!r}")


def _delete(_: object, name: str) -> NoReturn:
    _refuse(f"cannot delete field {name!r}")


def _refuse(why: str) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - only when somebody tries

    raise FrozenInstanceError(why)


@dataclass_transform(frozen_default=True)
class _Kind(StructMeta):
    """The class of the classes of values: they refuse every change as a frozen dataclass does."""

    def __new__(  # noqa: PYI034 - Self is not for metaclasses
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, gc: bool = True
    ) -> _Kind:
        """``gc``: whether a value may be part of a cycle, and so has to be known to the collector."""
        kind = super().__new__(cls, name, bases, body, frozen=True, gc=gc)
        for method, refusal in (("__setattr__", _assign), ("__delattr__", _delete)):
            setattr(kind, method, refusal)  # a Struct has its own, whatever its body says
        return kind

    @property
    def __signature__(self: Any) -> Signature:
        """That of a dataclass: a Struct looks every annotation up, of which many are known to type checkers only."""
        from inspect import signature  # noqa: PLC0415 - only when somebody asks

        return signature(_described(self))


class Value(Struct, metaclass=_Kind):
    """Compared, hashed, printed, pickled, copied and matched by its fields, and never changed."""

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
        __match_args__: ClassVar[tuple[str, ...]]
    else:
        __dataclass_fields__ = _Asked()
        __dataclass_params__ = _Asked()

    def __hash__(self) -> int:
        return hash(tuple([getattr(self, name) for name in self.__struct_fields__]))


Address = tuple[str, int]
"""Where a record lies inside its partition: ``(lane, position)``."""

Records = Mapping[Address, bytes]


class Lane(Value, gc=False):
    """A dense run of records at positions ``first`` up to, not including, ``stop``."""

    first: int = 0
    stop: int = 0
    rewritten: int = 0
    """The last version that overwrote a record in the lane, at first the one that began it; 0: nobody says."""

    def __len__(self) -> int:
        return self.stop - self.first


class Span(Value, gc=False):
    """A range of one lane. A negative ``start`` counts from the lane's end; no ``stop`` means its end."""

    lane: str
    start: int = 0
    stop: int | None = None

    def within(self, lane: Lane) -> range:
        """The positions of this span that ``lane`` really has."""
        start = self.start if self.start >= 0 else lane.stop + self.start
        stop = lane.stop if self.stop is None else min(self.stop, lane.stop)
        return range(max(start, lane.first), max(stop, lane.first))


class Head(Value, gc=False):
    """What a storage may read of a partition without decoding a record."""

    partition: str
    version: int
    changed: int
    """The version of the last step that a client can see."""
    expires_at: int | None = None
    """Milliseconds since 1970, UTC. Only the core acts on it."""
    lanes: Mapping[str, Lane] = {}
    marks: Mapping[str, int] = {}

    def addresses(self, spans: Sequence[Span]) -> Iterator[Address]:
        """Where the records of ``spans`` lie, lane by lane, in order."""
        for span in spans:
            lane = self.lanes.get(span.lane)
            if lane is not None:
                for position in span.within(lane):
                    yield span.lane, position

    def to_json(self) -> str:
        """This head as one JSON object, for storages that keep heads as text."""
        return json.dumps(
            {
                "partition": self.partition,
                "version": self.version,
                "changed": self.changed,
                "expires_at": self.expires_at,
                "lanes": {name: [lane.first, lane.stop, lane.rewritten] for name, lane in self.lanes.items()},
                "marks": dict(self.marks),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Head:
        """The head that ``to_json`` wrote; raises ``ValueError`` or ``KeyError`` on anything else."""
        data = json.loads(text)
        return cls(
            data["partition"],
            data["version"],
            data["changed"],
            data["expires_at"],
            {name: Lane(*lane) for name, lane in data["lanes"].items()},
            data["marks"],
        )


class Commit(Value, gc=False):
    """One atomic step on one partition, refused unless the stored version is ``expect`` (0: nothing there).

    Only what changes is named: ``lanes`` that moved (``None``: the lane goes, with its records), ``marks``
    set or removed (``None``), records written, and ``erase``: spans of absolute positions whose records
    are no longer inside their lane. ``expires_at`` is always the new value.
    """

    partition: str
    expect: int
    version: int
    changed: int
    lanes: Mapping[str, Lane | None] = {}
    marks: Mapping[str, int | None] = {}
    expires_at: int | None = None
    write: Records = {}
    erase: Sequence[Span] = ()

    def onto(self, head: Head | None) -> Head:
        """The head that this commit makes of ``head``; raises ``Conflict`` when its version is another."""
        seen = foreseen.get(self.partition)
        if seen is not None and seen[0] is self and seen[1] is head:
            return seen[2]
        return head_after(self, head)

    def erased(self) -> Iterator[Address]:
        """Every address that this commit erases."""
        for span in self.erase:
            for position in range(span.start, span.start if span.stop is None else span.stop):
                yield span.lane, position


_NOTHING = Head("", 0, 0)
foreseen: dict[str, tuple[Commit, Head | None, Head, Sequence[bytes]]] = {}
"""What is known of commits that are on their way, by partition: what they make of which head, and which records were made
as JSON. Whoever hands a commit to a storage may say it here, so that the storage need not find it out again, and takes it
away when the storage has answered. What is asked is held against the very objects that were said, so that no other commit,
and no other record, is ever taken for one of them."""
_WIDE = 64
"""From so many entries on, they are not copied for a change of a few."""


def head_after(commit: Commit, head: Head | None) -> Head:
    """What ``Commit.onto`` says, found out anew."""
    old, partition = _NOTHING if head is None else head, commit.partition
    if old.version != commit.expect:
        raise Conflict(partition, expected=commit.expect, found=old.version)
    lanes, marks = _merged(old.lanes, commit.lanes), _merged(old.marks, commit.marks)
    return Head(partition, commit.version, commit.changed, commit.expires_at, lanes, marks)


def _merged(old: Mapping[str, _T], new: Mapping[str, _T | None]) -> Mapping[str, _T]:
    if not new:
        return old
    if len(old) > _WIDE:
        from holdall.overlay import overlaid  # noqa: PLC0415 - few sessions have so many lanes

        return overlaid(old, new)
    merged: dict[str, Any] = {**old, **new}
    for each in new.values():
        if each is None:
            return {name: value for name, value in merged.items() if value is not None}
    return merged


def on_one_line(commit: Commit) -> bool:
    """Whether every record that ``commit`` writes is known to be JSON on one line, for storages that keep it as such.

    ``False`` says nothing. It is known of the very bytes that the core made, never of what a codec or a storage on the
    way made of them, for as long as the storage's ``commit`` has not returned.
    """
    seen, write = foreseen.get(commit.partition), commit.write
    return seen is not None and len(seen[3]) == len(write) and all(map(is_, seen[3], write.values()))


class Snapshot(Value):
    """One consistent moment of a partition: its head and the records asked for."""

    head: Head
    records: Records = {}


class Scan(Value):
    """A walk over the partitions that carry ``mark``, by ``(score, partition)``; over all, by name, without one.

    ``after`` is the ``(score, partition)`` of the last item seen (the score is 0 in a walk by name).
    Partitions compare as their UTF-8 bytes. At most ``limit`` items come back, each with ``spans`` read.
    """

    mark: str | None = None
    after: tuple[int, str] | None = None
    limit: int = 100
    descending: bool = False
    spans: Sequence[Span] = ()
