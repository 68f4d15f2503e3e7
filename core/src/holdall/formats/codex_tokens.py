"""The tokens of Codex rollouts: events count them, and which message took them only their order tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from holdall.formats.records import Entry
from holdall.formats.spent import spent
from holdall.formats.values import fields_of

__all__ = ["Counts"]

_MOST = 100
"""How many entries wait for a count, at the most."""
_NAMES = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")


class Counts:
    """Finds the message for each count.

    An answer of the model is one or more messages, and its count comes right before them or right after, depending on
    Codex's version. So the last message of an answer that has none yet waits until something else is said.
    """

    def __init__(self) -> None:
        self._total: Mapping[str, int] = {}
        self._usage: dict[str, Any] = {}
        """What was counted and has no message yet."""
        self._waiting: list[Entry] = []
        """The last message of an answer that has no count yet, and what came after it."""
        self._counted = False
        """Whether the answer that is being told has its count."""

    def told(self, info: Any) -> None:
        """An event counts tokens; most say the session's total, again and again."""
        total, last = (_numbers(fields_of(info).get(name)) for name in ("total_token_usage", "last_token_usage"))
        more = {name: total[name] - self._total.get(name, 0) for name in total}
        if min(more.values(), default=-1) < 0:
            more = last
        self._total = total or self._total
        if any(more.values()):
            self._counted = False
            for name, number in more.items():
                self._usage[name] = self._usage.get(name, 0) + number
        if self._waiting:
            self._count(self._waiting[0])

    def take(self, entry: Entry) -> Iterator[Entry]:
        """The entries that are ready when ``entry`` has come."""
        if entry.message is not None:
            yield from self.rest()
            if entry.message["role"] != "assistant":
                self._counted = False
            elif not self._counted:
                self._count(entry)
                if not self._counted:
                    self._waiting = [entry]
                    return
            yield entry
        elif self._waiting:
            self._waiting.append(entry)
            if self._counted or len(self._waiting) > _MOST:
                yield from self.rest()
        else:
            yield entry

    def rest(self) -> Iterator[Entry]:
        """Those that wait no longer."""
        waiting, self._waiting = self._waiting, []
        return iter(waiting)

    def _count(self, entry: Entry) -> None:
        """Say in a message what it took, if that is known."""
        if self._usage and entry.message is not None:
            entry.message |= spent(usage=_usage(self._usage))
            self._usage, self._counted = {}, True


def _numbers(told: Any) -> dict[str, int]:
    fields = fields_of(told)
    return {name: fields[name] for name in _NAMES if type(fields.get(name)) is int and fields[name] >= 0}


def _usage(counted: Mapping[str, int]) -> dict[str, Any]:
    """In OpenAI's words."""
    taken, cached, given, thought = (counted.get(name, 0) for name in _NAMES)
    usage: dict[str, Any] = {"input_tokens": taken, "cached_tokens": cached, "output_tokens": given}
    return usage | ({"output_tokens_details": {"reasoning_tokens": thought}} if thought else {})
