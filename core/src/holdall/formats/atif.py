"""ATIF, the Agent Trajectory Interchange Format of the Harbor project, version 1.7: a session as one trajectory.

A step is a message, and what tools answered to it. What ATIF has no place for is in the step's ``extra.holdall``, so that
importing it makes the same messages again, but for the ones that only brought results.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.formats.atif_parts import OWN, USAGE, call_of, content_of, fits, metrics_of, result_of, time_of
from holdall.formats.pairing import Turn, paired
from holdall.formats.stretches import Stretch
from holdall.formats.usage import Totals, answer_of, model_of, usage_of
from holdall.formats.walking import Walk

__all__ = ["SCHEMA", "SOURCES", "write"]

SCHEMA = "ATIF-v1.7"
SOURCES = {"user": "user", "assistant": "agent", "system": "system", "developer": "system", "tool": "system"}
_MOST = 100
"""How many steps may wait to see whether the next one is of the same answer of a model."""
_KEPT = ("name", "metadata", "reply_to", "edited", "latency_ms")
_UNKNOWN = "unknown"
Said = Sequence[tuple[int, Mapping[str, Any]]]
"""Parts of a message, with their places."""


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The trajectory, a page of steps at a time; the other branches, when they are asked for, inside of it."""
    first, *others = walk.stretches
    async for piece in _trajectory(walk, first, walk.session.id):
        yield piece
    before = b',\n"subagent_trajectories":[\n'
    for other in others:
        yield before
        async for piece in _trajectory(walk, other, other.branch):
            yield piece
        yield b"}"
        before = b",\n"
    yield b"]}\n" if others else b"}\n"


async def _trajectory(walk: Walk, stretch: Stretch, name: str) -> AsyncIterator[bytes]:
    """A trajectory, but for the brace that ends it."""
    session = walk.session
    head = {"schema_version": SCHEMA, "session_id": session.id, "trajectory_id": name}
    own: dict[str, Any] = {"branch": stretch.branch}
    if stretch.origin is None:
        own |= {"title": session.title, "project": session.project, "tags": session.tags, "metadata": session.metadata}
    else:
        own |= {"origin": stretch.origin, "deleted": stretch.deletion}
    extra = {OWN: {name: told for name, told in own.items() if told}}
    yield msgspec.json.encode({**head, "extra": extra})[:-1] + b',\n"steps":[\n'
    steps, before, model = _Steps(_started(walk.stretches)), b"", None
    async for turns in paired(walk.messages_of(stretch)):
        model = model or next(filter(None, (model_of(turn.message) for turn in turns)), None)
        found = [msgspec.json.encode(step) for step in steps.take(turns)]
        if found:
            yield before + b",\n".join(found)
            before = b",\n"
    rest = [msgspec.json.encode(step) for step in steps.rest()]
    yield (before + b",\n".join(rest) if rest else b"") + b"]"
    tail = {"agent": _agent(session.metadata, model), "final_metrics": _final(steps)}
    yield b",\n" + msgspec.json.encode(tail)[1:-1]


def _started(stretches: Sequence[Stretch]) -> Mapping[str, list[str]]:
    """By the id of a tool call: the sub-conversations that it started."""
    found: dict[str, list[str]] = {}
    for stretch in stretches:
        under = None if stretch.origin is None else stretch.origin.under
        if under is not None and under.call is not None:
            found.setdefault(under.call, []).append(stretch.branch)
    return found


def _agent(metadata: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    """Who acts, as far as an import told."""
    version = next((metadata[name] for name in ("agent_version", "version", "cli_version") if metadata.get(name)), None)
    told = metadata.get("atif_agent")
    more = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    agent = {"name": str(metadata.get("agent") or _UNKNOWN), "version": str(version or _UNKNOWN), **more}
    return agent | ({} if model is None or "model_name" in agent else {"model_name": model})


def _final(steps: _Steps) -> dict[str, Any]:
    totals = steps.totals
    found: dict[str, Any] = {"total_steps": steps.count}
    if totals.told:
        found |= {"total_prompt_tokens": totals.input, "total_completion_tokens": totals.output}
        found["total_cached_tokens"] = totals.cached
    return found | ({"total_cost_usd": totals.cost} if totals.cost else {})


class _Steps:
    """Steps in order, numbered. Of those that are one answer of a model, the last one tells what it took."""

    def __init__(self, started: Mapping[str, list[str]]) -> None:
        """``started``: by the id of a tool call, the sub-conversations that it started."""
        self.count = 0
        self._started = started
        self.totals = Totals()
        self._waiting: deque[dict[str, Any]] = deque()
        self._answer: Any = None

    def take(self, turns: Sequence[Turn]) -> list[dict[str, Any]]:
        """The steps that are ready, once ``turns`` are known."""
        found: list[dict[str, Any]] = []
        for turn in turns:
            self.totals.add(turn.message)
            for step in _steps_of(turn, self._started):
                self.count += 1
                found += self._next({"step_id": self.count, **step}, answer_of(turn.message))
        return found

    def rest(self) -> list[dict[str, Any]]:
        """Those that still wait."""
        return [*self._waiting]

    def _next(self, step: dict[str, Any], answer: Any) -> list[dict[str, Any]]:
        ready: list[dict[str, Any]] = []
        if step["source"] == "agent" or len(self._waiting) >= _MOST:
            if self._waiting and answer is not None and answer == self._answer:
                self._waiting[0].pop("metrics", None)
            ready, self._answer = [*self._waiting], answer
            self._waiting.clear()
        self._waiting.append(step)
        return ready


def _steps_of(turn: Turn, started: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The step of a message, and one for results that came without their call."""
    message, left = turn.message, list(turn.left)
    said = [(at, part) for at, part in left if part.get("type") != "tool_result"]
    results = [part for _, part in left if part.get("type") == "tool_result"]
    if results:
        told = {"results": [result_of(part, None) for part in results]}
        yield {"timestamp": time_of(message.created_at), "source": "system", "message": "", "observation": told}
    if said or not (results or turn.moved):
        yield _step(turn, said, started)


def _step(turn: Turn, said: Said, started: Mapping[str, list[str]]) -> dict[str, Any]:
    message = turn.message
    source = SOURCES[message.role]
    agent = source == "agent"
    fitting = [(at, part) for at, part in said if fits(part, agent=agent)]
    own = {name: message[name] for name in _KEPT if message.get(name)}
    if (used := message.get("usage")) and set(used) - set(USAGE):
        own["usage"] = used
    if message.role in ("developer", "tool"):
        own["role"] = message.role
    others = [{"at": at, "part": part} for at, part in said if (at, part) not in fitting]
    step: dict[str, Any] = {"timestamp": time_of(message.created_at), "source": source}
    step["message"] = content_of([part for _, part in fitting if part.get("type") in ("text", "image")])
    if agent:
        step |= _acts(turn, fitting, started)
    atif = own.get("metadata", {}).get("atif") if isinstance(own.get("metadata"), dict) else None
    if isinstance(atif, dict):
        told = cast("dict[str, Any]", atif)
        step |= told | ({"metrics": step.get("metrics", {}) | told["metrics"]} if "metrics" in told else {})
    own |= {"parts": others} if others else {}
    own["id"] = message.id
    step["extra"] = {**cast("dict[str, Any]", step.get("extra") or {}), OWN: own}
    return step


def _acts(turn: Turn, said: Said, started: Mapping[str, list[str]]) -> dict[str, Any]:
    """What only an agent's step has."""
    thoughts = "\n\n".join(str(part["text"]) for _, part in said if part.get("type") == "thinking" and part.get("text"))
    calls = [(at, part) for at, part in said if part.get("type") == "tool_call"]
    answers = [result_of(answer.part, answer) for at, _ in calls if (answer := turn.answers.get(at)) is not None]
    for answer in answers:
        if refs := [{"trajectory_id": name} for name in started.get(answer["source_call_id"], ())]:
            answer["subagent_trajectory_ref"] = refs
    usage, model = usage_of(turn.message), model_of(turn.message)
    told = {
        "model_name": model,
        "reasoning_content": thoughts or None,
        "tool_calls": [call_of(part) for _, part in calls] or None,
        "observation": {"results": answers} if answers else None,
        "metrics": None if usage is None else metrics_of(usage),
    }
    return {name: what for name, what in told.items() if what is not None}
