"""Sidechains of Claude Code: which sub-conversation a record is part of, and which tool call started that.

A sidechain is a run of records linked by ``parentUuid``, or all those of one ``agentId``. What started it no record says,
but its first words are the prompt that a call gave.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

from holdall.formats.records import Entry, Sub
from holdall.formats.values import text_of, titled
from holdall.sessions.names import SUB

__all__ = ["Sidechains"]

_PLAIN = re.compile(r"[A-Za-z0-9_-]{4,32}")
_UUID = 13
"""How many characters of a uuid name a sub-conversation."""
_MOST = 200
_Call = tuple[str, Mapping[str, Any]]


class Sidechains:
    """Remembers, of one transcript, the records of sidechains and the prompts that calls gave."""

    def __init__(self) -> None:
        self._by_record: dict[str, Sub] = {}
        self._by_agent: dict[str, Sub] = {}
        self._calls: dict[str, deque[_Call]] = {}
        """By prompt: the calls that gave it and have started nothing yet."""

    def of(self, value: Mapping[str, Any], entry: Entry) -> Sub | None:
        """The sub-conversation that a record is part of, be it its first."""
        for run in entry.runs:
            asked = run.fields["arguments"]
            prompt: Any = cast("dict[str, Any]", asked).get("prompt") if isinstance(asked, dict) else None
            if isinstance(prompt, str):
                self._calls.setdefault(prompt, deque()).append((run.fields["call"], cast("dict[str, Any]", asked)))
        if value.get("isSidechain") is not True:
            return None
        uuid, parent, agent = (_text(value.get(name)) for name in ("uuid", "parentUuid", "agentId"))
        sub = self._by_record.get(parent) if agent is None and parent is not None else None
        sub = self._by_agent.get(agent) if agent is not None else sub
        if sub is None:
            sub = self._begun(agent, uuid, entry)
        if agent is not None:
            self._by_agent[agent] = sub
        if uuid is not None:
            self._by_record[uuid] = sub
        return sub

    def _begun(self, agent: str | None, uuid: str | None, entry: Entry) -> Sub:
        message = entry.message
        prompt = "" if message is None else text_of(message["content"])
        name = SUB + _short(agent or (uuid or "")[:_UUID], entry.original or "")
        calls = self._calls.get(prompt)
        if not calls:
            return Sub(name, prompt=prompt or None)
        call, asked = calls.popleft()
        return Sub(name, call, prompt, _kind(asked), titled(text_of(asked.get("description"))))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _short(name: str, otherwise: str) -> str:
    """``name``, if it is a word; else a digest of it, or of the record that has none."""
    return name if _PLAIN.fullmatch(name) else hashlib.sha256((name or otherwise).encode()).hexdigest()[:12]


def _kind(asked: Mapping[str, Any]) -> str | None:
    kind = asked.get("subagent_type")
    return kind[:_MOST] if isinstance(kind, str) and kind else None
