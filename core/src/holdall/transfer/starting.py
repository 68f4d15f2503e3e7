"""Starting the sub-conversations of a transcript, each under the message with the tool call that started it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, cast

from holdall.errors import Invalid, NotFound
from holdall.formats.records import Entry, Fault, Sub
from holdall.formats.values import json_of, text_of, titled
from holdall.sessions.names import MAIN
from holdall.transfer.report import SessionReport
from holdall.transfer.targets import Place, Target

__all__ = ["Starting"]

_MOST = 200


class Starting:
    """Knows which message each tool call is in."""

    def __init__(self, target: Target, report: SessionReport) -> None:
        self._target = target
        self._report = report
        self._asked: dict[str, str] = {}
        """By call: the message."""
        self._refused: set[str] = set()

    def learn(self, runs: Iterable[Mapping[str, Any]]) -> None:
        """Remember what was stored just now."""
        self._asked |= {run["call"]: run["message"] for run in runs if run.get("call") and run.get("message")}

    async def started(self, place: Place, entry: Entry) -> Place:
        """The place with the sub-conversation of an entry; where that is refused, its messages go to ``main``."""
        sub = cast("Sub", entry.sub)
        if sub.name not in self._refused:
            call, message, kind, title = await self._found(place, sub)
            fields = {"call": call, "kind": kind, "title": title}
            plain = {name: json_of(text)[:_MOST] for name, text in fields.items() if text}
            try:
                return await self._target.sub(place, sub.name, message or MAIN, plain)
            except NotFound:
                self._report.faults.append(Fault(entry.line, f"makes no message: {sub.name} was deleted"))
                entry.message = None
                return place
            except Invalid as refused:
                self._refused.add(sub.name)
                fault = f"the sub-conversation {sub.name} could not be started, and is part of the main one: {refused}"
                self._report.faults.append(Fault(entry.line, fault))
        entry.sub = None
        return place

    async def _found(self, place: Place, sub: Sub) -> tuple[str | None, str | None, str | None, str | None]:
        """The call that started it, the message of that, and what is told of it."""
        if sub.call in self._asked:
            return sub.call, self._asked[sub.call], sub.kind, sub.title
        if sub.call is None and sub.prompt is None:
            return None, None, None, None
        async for run in self._runs(place):
            message, asked = run.get("message"), run.get("arguments")
            if message is None or not isinstance(asked, dict):
                continue
            given = cast("dict[str, Any]", asked)
            if run["call"] == sub.call:
                return sub.call, message, sub.kind, sub.title
            if sub.call is None and given.get("prompt") == sub.prompt:
                under = await self._target.subs(place, message)
                if all(one["under"]["call"] != run["call"] for one in under):
                    return (
                        run["call"],
                        message,
                        text_of(given.get("subagent_type")),
                        titled(text_of(given.get("description"))),
                    )
        return sub.call, None, sub.kind, sub.title

    async def _runs(self, place: Place) -> AsyncIterator[Mapping[str, Any]]:
        async for page in self._target.runs(place):
            for run in page:
                if run.get("call"):
                    yield run
