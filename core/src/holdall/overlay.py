"""A mapping that is another one with a few changes: what a head with very many lanes is after a commit of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

__all__ = ["overlaid"]

T = TypeVar("T")
_MOST = 64
"""Changes that are kept apart; with more of them, it is a dictionary again."""


class Overlay(Mapping[str, T], Generic[T]):
    """What ``under`` has, but for ``over``, where ``None`` stands for an entry that is gone. Neither ever changes."""

    __slots__ = ("_len", "_over", "_under")

    def __init__(self, under: dict[str, T], over: dict[str, T | None], length: int) -> None:
        self._under = under
        self._over = over
        self._len = length

    def __getitem__(self, name: str) -> T:
        over = self._over
        found = over[name] if name in over else self._under[name]
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        over = self._over
        found = over[name] if name in over else self._under.get(name)
        return default if found is None else found

    def __contains__(self, name: object) -> bool:
        return self.get(cast("str", name)) is not None

    def __iter__(self) -> Iterator[str]:
        over = self._over
        for name in self._under:
            if name not in over or over[name] is not None:
                yield name
        for name, value in over.items():
            if value is not None and name not in self._under:
                yield name

    def __len__(self) -> int:
        return self._len

    def __repr__(self) -> str:
        return repr(dict(self))

    def with_changes(self, changes: Mapping[str, T | None]) -> Mapping[str, T]:
        """This with ``changes``; a dictionary again once many have come together."""
        if len(self._over) + len(changes) <= _MOST:
            return Overlay(self._under, {**self._over, **changes}, _length(self, changes))
        whole = {**self._under, **self._over}
        gone = [name for name, value in self._over.items() if value is None]
        for name in gone:
            del whole[name]
        return overlaid(cast("dict[str, T]", whole), changes)


def overlaid(old: Mapping[str, T], changes: Mapping[str, T | None]) -> Mapping[str, T]:
    """``old``, which has many entries, with ``changes``, where ``None`` takes one away."""
    if isinstance(old, Overlay):
        return old.with_changes(changes)
    return Overlay(cast("dict[str, T]", old), dict(changes), _length(old, changes))


def _length(old: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    return len(old) + sum((value is not None) - (name in old) for name, value in changes.items())
