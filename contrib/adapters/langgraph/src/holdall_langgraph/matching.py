"""What a search's filter and a listing's conditions mean, as in LangGraph's own stores."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langgraph.store.base import MatchCondition

__all__ = ["matches", "namespace_matches"]

_ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def matches(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether every field that is asked for is there, and as it is asked for."""
    return all(_compare(value.get(name), one) for name, one in wanted.items())


def _compare(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        fields = cast("dict[str, Any]", wanted)
        if any(name.startswith("$") for name in fields):
            return all(_applies(value, name, one) for name, one in fields.items())
        return isinstance(value, dict) and matches(cast("dict[str, Any]", value), fields)
    if isinstance(wanted, list | tuple):
        return isinstance(value, list | tuple) and list(cast("Sequence[Any]", value)) == list(
            cast("Sequence[Any]", wanted)
        )
    return value == wanted


def _applies(value: Any, name: str, wanted: Any) -> bool:
    if name == "$eq":
        return value == wanted
    if name == "$ne":
        return value != wanted
    if name not in _ORDER:
        raise ValueError(f"not an operator of a filter: {name}")
    return _ORDER[name](float(value), float(wanted))


def namespace_matches(namespace: Sequence[str], condition: MatchCondition) -> bool:
    """Whether a namespace begins, or ends, as a condition says; ``*`` stands for any label."""
    path = condition.path
    if len(path) > len(namespace):
        return False
    if condition.match_type == "prefix":
        labels = namespace[: len(path)]
    elif condition.match_type == "suffix":
        labels = namespace[len(namespace) - len(path) :]
    else:
        raise ValueError(f"not a kind of condition: {condition.match_type}")
    return all(want in ("*", label) for want, label in zip(path, labels, strict=True))
