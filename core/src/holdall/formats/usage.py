"""What a message says of the model that wrote it: its name, tokens and cost, in the words of several programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from holdall.sessions.views import Message

__all__ = ["Totals", "Usage", "answer_of", "model_of", "usage_of"]

_IN, _OUT = ("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")
_CACHED, _COST = ("cache_read_input_tokens", "cached_input_tokens", "cached_tokens"), ("cost_usd", "cost", "costUSD")
_DETAILS = ("input_tokens_details", "prompt_tokens_details")
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Where these are given, as Claude does, ``input_tokens`` has only the tokens that were in no cache."""
_MODELS = ("model", "model_name")


class Usage(msgspec.Struct, frozen=True):
    """What one answer of a model took. ``None``: not known."""

    input: int | None = None
    """Tokens of the prompt, those from a cache included."""
    output: int | None = None
    cached: int | None = None
    """How many of the prompt's came from a cache."""
    cost: float | None = None
    """US dollars."""


class Totals(msgspec.Struct):
    """The sums over the messages of a conversation."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cost: float = 0.0
    told: bool = False
    """Whether any message told how many tokens it took."""
    _last: tuple[Any, Usage] | None = None

    def add(self, message: Message) -> None:
        """Count ``message``. Of several whose metadata tells of one answer, the last one counts."""
        usage = usage_of(message)
        if usage is None:
            return
        answer = answer_of(message)
        if self._last is not None and answer is not None and answer == self._last[0]:
            self._count(self._last[1], -1)
        self._last = answer, usage
        self._count(usage, 1)
        self.told = True

    def _count(self, usage: Usage, times: int) -> None:
        self.input += times * (usage.input or 0)
        self.output += times * (usage.output or 0)
        self.cached += times * (usage.cached or 0)
        self.cost += times * (usage.cost or 0)


def answer_of(message: Message) -> Any:
    """Which answer of a model a message is a piece of, where each piece may tell what all of them took.

    A message that tells of tokens in its own ``usage`` tells of itself alone.
    """
    return None if "usage" in message else message.metadata.get("message_id")


def model_of(message: Message) -> str | None:
    """The model that wrote a message, where it says so; what programs write themselves is by none (``<synthetic>``)."""
    told = ((of, name) for of in (message.fields, message.metadata) for name in _MODELS)
    found = next((of[name] for of, name in told if of.get(name)), None)
    return found if isinstance(found, str) and not found.startswith("<") else None


def usage_of(message: Message) -> Usage | None:
    """What a message took; ``None`` when it says nothing of it."""
    said = (message.fields, message.metadata)
    told = [*said, *(inner for one in said for inner in _objects(one, ("usage", "tokens", "metrics")))]
    details = [inner for one in told for inner in _objects(one, _DETAILS)]
    given, cached = _number(told, _IN), _number([*told, *details], _CACHED)
    beside = [number for name in _BESIDE if (number := _number(told, (name,))) is not None]
    whole = given if given is None else given + sum(beside)
    found = Usage(_whole(whole), _whole(_number(told, _OUT)), _whole(cached), _number(told, _COST))
    return None if found == Usage() else found


def _objects(value: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    return (cast("Mapping[str, Any]", value[name]) for name in names if isinstance(value.get(name), dict))


def _number(told: list[Mapping[str, Any]], names: tuple[str, ...]) -> float | None:
    found = (one.get(name) for one in told for name in names)
    return next((one for one in found if isinstance(one, int | float) and not isinstance(one, bool) and one >= 0), None)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
