"""What a message adds to totals: its role, tokens, cost and latency, read leniently from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

__all__ = ["Totals", "count", "tokens_alone"]

MOST_TOKENS, MOST_COST, MOST_LATENCY = 10**12, 10_000, 10**9
"""The most that one message can count for: tokens, US dollars, milliseconds. A million of them fit into 64 bits."""
_NANO, _MICRO = 10**9, 1000
_TAKEN, _MADE = ("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")
_OF_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")
_CACHED = "cached_tokens"
_DETAILS = ("input_tokens_details", "prompt_tokens_details")


class Totals(msgspec.Struct, omit_defaults=True):
    """Sums over messages. Money and time are whole numbers, so that they add up exactly."""

    roles: dict[str, int] = {}
    """How many messages there are of each role."""
    input_tokens: int = 0
    """Those from a cache included."""
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input tokens: those that were read from a cache."""
    cost: int = 0
    """In 10⁻⁹ US dollars."""
    latency: int = 0
    """In microseconds."""
    timed: int = 0
    """How many messages say their latency."""

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return sum(self.roles.values())

    def add(self, other: Totals) -> None:
        """Add what ``other`` says."""
        for role, number in other.roles.items():
            self.roles[role] = self.roles.get(role, 0) + number
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cached_tokens += other.cached_tokens
        self.cost += other.cost
        self.latency += other.latency
        self.timed += other.timed

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        return {
            "messages": self.messages,
            "roles": dict(self.roles),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "cost_usd": self.cost / _NANO,
            "latency_ms": self.latency / _MICRO,
            "timed": self.timed,
        }


class _Told(msgspec.Struct):
    """The fields of a message that count."""

    role: str = ""
    usage: Any = None
    cost_usd: Any = None
    latency_ms: Any = None


_decode = msgspec.json.Decoder(_Told).decode


def count(records: Iterable[bytes]) -> Totals:
    """The totals of stored messages."""
    totals = Totals()
    roles = totals.roles
    for record in records:
        told = _decode(record)
        roles[told.role] = roles.get(told.role, 0) + 1
        if told.usage is not None:
            _add_usage(totals, told.usage)
        totals.cost += round(_number(told.cost_usd, MOST_COST) * _NANO)
        if told.latency_ms is not None:
            totals.latency += round(_number(told.latency_ms, MOST_LATENCY) * _MICRO)
            totals.timed += 1
    return totals


def tokens_alone(told: Any) -> dict[str, Any]:
    """What of a message's ``usage`` counts, and nothing else: it may have any members, and texts in them."""
    if not isinstance(told, dict):
        return {}
    usage = cast("dict[str, Any]", told)
    names = (*_TAKEN, *_MADE, *_OF_CACHE, _CACHED)
    tokens: dict[str, Any] = {name: usage[name] for name in names if type(usage.get(name)) is int}
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, dict) and (cached := _tokens(cast("dict[str, Any]", details), _CACHED)):
            tokens[name] = {_CACHED: cached}
    return tokens


def _add_usage(totals: Totals, told: Any) -> None:
    """Add tokens in the words of any model's interface: where input tokens don't include the cached, these are added."""
    if not isinstance(told, dict):
        return
    usage = cast("dict[str, Any]", told)
    taken = _tokens(usage, *_TAKEN)
    read, made = (_tokens(usage, name) for name in _OF_CACHE)
    cached = _tokens(usage, _CACHED) or read
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, dict):
            cached = cached or _tokens(cast("dict[str, Any]", details), _CACHED)
    totals.input_tokens += taken + read + made
    totals.cached_tokens += cached
    totals.output_tokens += _tokens(usage, *_MADE)


def _tokens(usage: Mapping[str, Any], *names: str) -> int:
    """The first of ``names`` that is a number of tokens; 0 without one."""
    for name in names:
        value = usage.get(name)
        if type(value) is int and 0 <= value <= MOST_TOKENS:
            return value
    return 0


def _number(value: Any, most: int) -> float:
    return value if type(value) in (int, float) and 0 <= value <= most else 0
