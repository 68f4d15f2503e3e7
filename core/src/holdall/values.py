"""What the verbs of the contract carry, and what these values have in common.

A value is a frozen, slotted dataclass in everything but the price of making it: ``dataclass`` writes and compiles
methods for each class whenever a process starts (docs/decisions/0011). Here they are written once, for all of them.
This module needs the standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

from holdall.errors import Conflict

if TYPE_CHECKING:
    from dataclasses import Field
    from typing import ClassVar, Self

__all__ = ["Address", "Commit", "Head", "Lane", "Records", "Scan", "Snapshot", "Span", "Value"]

_T = TypeVar("_T")
_NOTHING: Mapping[Any, Any] = {}
"""Stands for a mapping that was not given; never handed out."""


class _Asked:
    """What ``dataclasses`` looks for in a class (``replace``, ``asdict``, ``fields``), made when somebody asks."""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, value: Any, kind: type[Any]) -> Any:
        return getattr(_described(kind), self._name)


@cache
def _described(kind: type[Any]) -> type[Any]:
    """A dataclass with the fields of ``kind``, as its ``__init__`` takes them."""
    from dataclasses import field, make_dataclass  # noqa: PLC0415 - only when somebody asks
    from inspect import signature  # noqa: PLC0415

    fields: list[tuple[str, Any, Any]] = []
    for given in signature(kind).parameters.values():
        default = {} if given.default is given.empty else {"default": given.default}
        described: Any = field(default_factory=dict[Any, Any]) if given.default is _NOTHING else field(**default)
        fields.append((given.name, given.annotation, described))
    return make_dataclass(kind.__name__, fields, frozen=True)


class _Kind(type):
    """The class of the classes of values: the names annotated in a class are its slots, and the public ones its fields."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Kind:
        body["__slots__"] = own = tuple(body.get("__annotations__", ()))
        inherited = [field for base in bases for field in getattr(base, "__match_args__", ())]
        body["__match_args__"] = (*inherited, *[field for field in own if not field.startswith("_")])
        return super().__new__(cls, name, bases, body)


@dataclass_transform(frozen_default=True)
class Value(metaclass=_Kind):
    """Compared, hashed, printed, pickled, copied and matched by its fields, and never changed.

    The annotations of a subclass are its fields, and its ``__init__`` takes and sets them in that order.
    """

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
        __match_args__: ClassVar[tuple[str, ...]]
    else:
        __dataclass_fields__ = _Asked()
        __dataclass_params__ = _Asked()

    def _fill(self, *fields: Any) -> None:
        """Set every field, in order. Values that each append makes set theirs one by one, in half the time."""
        for name, field in zip(self.__match_args__, fields, strict=True):
            object.__setattr__(self, name, field)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or self.__class__ is not other.__class__:
            return NotImplemented
        return _fields_of(self) == _fields_of(other)

    def __hash__(self) -> int:
        return hash(_fields_of(self))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({fields})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        _refuse(f"cannot delete field {name!r}")

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), _fields_of(self)

    def __replace__(self, **changes: Any) -> Self:
        """For ``copy.replace``; ``dataclasses.replace`` does the same."""
        fields: dict[str, Any] = dict(zip(self.__match_args__, _fields_of(self), strict=True))
        return type(self)(**{**fields, **changes})


def _fields_of(value: Value) -> tuple[Any, ...]:
    return tuple([getattr(value, name) for name in value.__match_args__])


def _refuse(why: str) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - only when somebody tries

    raise FrozenInstanceError(why)


def _setters(kind: type[Value]) -> list[Callable[[Any, Any], None]]:
    """What sets each field of ``kind``, in order."""
    return [kind.__dict__[name].__set__ for name in kind.__dict__["__slots__"]]


Address = tuple[str, int]
"""Where a record lies inside its partition: ``(lane, position)``."""

Records = Mapping[Address, bytes]


class Lane(Value):
    """A dense run of records at positions ``first`` up to, not including, ``stop``."""

    first: int
    stop: int
    rewritten: int
    """The last version that overwrote a record in the lane, at first the one that began it; 0: nobody says."""

    def __init__(self, first: int = 0, stop: int = 0, rewritten: int = 0) -> None:
        _lane_first(self, first)
        _lane_stop(self, stop)
        _lane_rewritten(self, rewritten)

    def __len__(self) -> int:
        return self.stop - self.first


_lane_first, _lane_stop, _lane_rewritten = _setters(Lane)


class Span(Value):
    """A range of one lane. A negative ``start`` counts from the lane's end; no ``stop`` means its end."""

    lane: str
    start: int
    stop: int | None

    def __init__(self, lane: str, start: int = 0, stop: int | None = None) -> None:
        _span_lane(self, lane)
        _span_start(self, start)
        _span_stop(self, stop)

    def within(self, lane: Lane) -> range:
        """The positions of this span that ``lane`` really has."""
        start = self.start if self.start >= 0 else lane.stop + self.start
        stop = lane.stop if self.stop is None else min(self.stop, lane.stop)
        return range(max(start, lane.first), max(stop, lane.first))


_span_lane, _span_start, _span_stop = _setters(Span)


class Head(Value):
    """What a storage may read of a partition without decoding a record."""

    partition: str
    version: int
    changed: int
    """The version of the last step that a client can see."""
    expires_at: int | None
    """Milliseconds since 1970, UTC. Only the core acts on it."""
    lanes: Mapping[str, Lane]
    marks: Mapping[str, int]

    def __init__(  # noqa: PLR0913, PLR0917 - its fields
        self,
        partition: str,
        version: int,
        changed: int,
        expires_at: int | None = None,
        lanes: Mapping[str, Lane] = _NOTHING,
        marks: Mapping[str, int] = _NOTHING,
    ) -> None:
        _head_partition(self, partition)
        _head_version(self, version)
        _head_changed(self, changed)
        _head_expires_at(self, expires_at)
        _head_lanes(self, {} if lanes is _NOTHING else lanes)
        _head_marks(self, {} if marks is _NOTHING else marks)

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


_head_partition, _head_version, _head_changed, _head_expires_at, _head_lanes, _head_marks = _setters(Head)


class Commit(Value):
    """One atomic step on one partition, refused unless the stored version is ``expect`` (0: nothing there).

    Only what changes is named: ``lanes`` that moved (``None``: the lane goes, with its records), ``marks``
    set or removed (``None``), records written, and ``erase``: spans of absolute positions whose records
    are no longer inside their lane. ``expires_at`` is always the new value.
    """

    partition: str
    expect: int
    version: int
    changed: int
    lanes: Mapping[str, Lane | None]
    marks: Mapping[str, int | None]
    expires_at: int | None
    write: Records
    erase: Sequence[Span]
    _made: tuple[Head | None, Head] | None
    """What it made of a head: the storage and the core ask for the same, one after the other."""

    def __init__(  # noqa: PLR0913, PLR0917 - its fields
        self,
        partition: str,
        expect: int,
        version: int,
        changed: int,
        lanes: Mapping[str, Lane | None] = _NOTHING,
        marks: Mapping[str, int | None] = _NOTHING,
        expires_at: int | None = None,
        write: Records = _NOTHING,
        erase: Sequence[Span] = (),
    ) -> None:
        _commit_partition(self, partition)
        _commit_expect(self, expect)
        _commit_version(self, version)
        _commit_changed(self, changed)
        _commit_lanes(self, {} if lanes is _NOTHING else lanes)
        _commit_marks(self, {} if marks is _NOTHING else marks)
        _commit_expires_at(self, expires_at)
        _commit_write(self, {} if write is _NOTHING else write)
        _commit_erase(self, erase)
        _commit_made(self, None)

    def onto(self, head: Head | None) -> Head:
        """The head that this commit makes of ``head``; raises ``Conflict`` when its version is another."""
        made = self._made
        if made is not None and made[0] is head:
            return made[1]
        found = 0 if head is None else head.version
        if found != self.expect:
            raise Conflict(self.partition, expected=self.expect, found=found)
        lanes = _merged({} if head is None else head.lanes, self.lanes)
        marks = _merged({} if head is None else head.marks, self.marks)
        new = Head(self.partition, self.version, self.changed, self.expires_at, lanes, marks)
        _commit_made(self, (head, new))
        return new

    def erased(self) -> Iterator[Address]:
        """Every address that this commit erases."""
        for span in self.erase:
            for position in range(span.start, span.start if span.stop is None else span.stop):
                yield span.lane, position


(
    _commit_partition, _commit_expect, _commit_version, _commit_changed, _commit_lanes, _commit_marks,
    _commit_expires_at, _commit_write, _commit_erase, _commit_made,
) = _setters(Commit)  # fmt: skip


_WIDE = 64
"""From so many entries on, they are not copied for a change of a few."""


def _merged(old: Mapping[str, _T], new: Mapping[str, _T | None]) -> Mapping[str, _T]:
    if not new:
        return old
    if len(old) > _WIDE:
        from holdall.overlay import overlaid  # noqa: PLC0415 - few sessions have so many lanes

        return overlaid(old, new)
    merged: dict[str, Any] = {**old, **new}
    for name, value in new.items():
        if value is None:
            del merged[name]
    return merged


class Snapshot(Value):
    """One consistent moment of a partition: its head and the records asked for."""

    head: Head
    records: Records

    def __init__(self, head: Head, records: Records = _NOTHING) -> None:
        _snapshot_head(self, head)
        _snapshot_records(self, {} if records is _NOTHING else records)


_snapshot_head, _snapshot_records = _setters(Snapshot)


class Scan(Value):
    """A walk over the partitions that carry ``mark``, by ``(score, partition)``; over all, by name, without one.

    ``after`` is the ``(score, partition)`` of the last item seen (the score is 0 in a walk by name).
    Partitions compare as their UTF-8 bytes. At most ``limit`` items come back, each with ``spans`` read.
    """

    mark: str | None
    after: tuple[int, str] | None
    limit: int
    descending: bool
    spans: Sequence[Span]

    def __init__(
        self,
        mark: str | None = None,
        after: tuple[int, str] | None = None,
        limit: int = 100,
        descending: bool = False,
        spans: Sequence[Span] = (),
    ) -> None:
        self._fill(mark, after, limit, descending, spans)
