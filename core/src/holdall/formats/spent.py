"""What records say of the model that answered, as fields of a message, so that totals count it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import isfinite
from typing import Any

from holdall.formats.values import json_of

__all__ = ["Answers", "say", "spent"]

_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
"""What a message's usage may say only as a number of tokens."""
_BESIDE = ("cost_usd", "latency_ms")
_MOST_TOKENS, _MOST_COST, _MOST_LATENCY, _NAME = 10**12, 10_000, 10**9, 200


def spent(
    model: Any = None, usage: Mapping[str, Any] | None = None, cost: Any = None, latency: Any = None
) -> dict[str, Any]:
    """The fields of a message for what it took, as far as it can say so: ``cost`` in dollars, ``latency`` in ms.

    Programs sign what they write themselves with a model like ``<synthetic>``: that is none.
    """
    found: dict[str, Any] = {}
    if isinstance(model, str) and 0 < len(model) <= _NAME and not model.startswith("<"):
        found["model"] = json_of(model)
    if usage and all(_tokens(usage.get(name)) for name in _TOKENS):
        found["usage"] = json_of(dict(usage))
    if _number(cost, _MOST_COST):
        found["cost_usd"] = cost
    if _number(latency, _MOST_LATENCY):
        found["latency_ms"] = latency
    return found


def _tokens(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value <= _MOST_TOKENS)


def _number(value: Any, most: int) -> bool:
    return type(value) in (int, float) and isfinite(value) and 0 <= value <= most


def say(message: dict[str, Any], found: Mapping[str, Any], **told: Sequence[str]) -> None:
    """Put what was ``found`` into a message; its metadata no longer has the fields that ``told`` it."""
    for name in found:
        for field in told.get(name, (name,)):
            message["metadata"].pop(field, None)
    message |= found


class Answers:
    """Knows what was told of each answer of a model, which comes as several records.

    Each of them repeats what the answer took until then. So the first one counts for it, and each later one for what has
    grown: the sum is what the last one told, in a transcript that is read while it grows, too.
    """

    def __init__(self) -> None:
        self._told: dict[Hashable, dict[str, float]] = {}

    def lessen(self, message: dict[str, Any], answer: Hashable) -> None:
        """Leave, of what the ``message`` of a record of ``answer`` says, what none before it said."""
        usage = message.get("usage", {})
        told: dict[str, float] = {name: number for name, number in usage.items() if type(number) is int}
        told |= {name: message[name] for name in _BESIDE if name in message}
        before = self._told.get(answer)
        if before is None:
            self._told[answer] = told
            return
        more = {name: number - before.get(name, 0) for name, number in told.items() if number > before.get(name, 0)}
        self._told[answer] = before | {name: before.get(name, 0) + number for name, number in more.items()}
        for name in ("usage", *_BESIDE):
            message.pop(name, None)
        message |= {name: more.pop(name) for name in _BESIDE if name in more}
        message |= {"usage": more} if more else {}
