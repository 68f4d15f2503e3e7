"""ATIF trajectories: a step is a message, and one more with what tools answered; embedded ones are sub-conversations.

What a step says and a message has no field for stays in ``metadata.atif``, and goes out with it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from holdall.errors import Invalid
from holdall.formats.atif_parts import OWN, fields_of, objects_of
from holdall.formats.atif_steps import ROLES, entries_of, json_text
from holdall.formats.records import About, Entry, Fault, Record, Sub, Transcript
from holdall.formats.sources import Source
from holdall.formats.values import small, text_of, titled
from holdall.sessions.names import SUB, checked_branch, is_sub

__all__ = ["READER"]

_MOST = 200


class Trajectories:
    """See ``holdall.formats.kinds.Reader``."""

    def knows(self, source: Source) -> int | None:
        """The first record that says so."""
        return next((record.line for record in source.head if _matches(record)), None)

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        """A session for each trajectory."""
        for record in source.records():
            if isinstance(record, Fault):
                yield record
            elif _matches(record):
                yield _transcript(record)
            else:
                yield Fault(record.line, "is no ATIF trajectory")


READER = Trajectories()
"""Reads them."""


def _matches(record: Record) -> bool:
    version = record.value.get("schema_version")
    return isinstance(version, str) and version.startswith("ATIF-") and isinstance(record.value.get("steps"), list)


def _transcript(record: Record) -> Transcript:
    value = record.value
    return Transcript(_about(record), lambda: _entries(record.line, value, None))


def _about(record: Record) -> About:
    value = record.value
    agent, extra = fields_of(value.get("agent")), fields_of(value.get("extra"))
    own = fields_of(extra.get(OWN))
    name = next((value[field] for field in ("trajectory_id", "session_id") if isinstance(value.get(field), str)), None)
    said = (text_of(step.get("message")) for step in objects_of(value["steps"]) if step.get("source") == "user")
    title = own.get("title") or next(filter(None, map(titled, said)), None)
    told = {"agent": agent.get("name"), "agent_version": agent.get("version"), "model": agent.get("model_name")}
    metadata = {name: what for name, what in told.items() if what}
    if OWN in extra:  # all of that was made of the session's own metadata, or of its messages
        metadata = fields_of(own.get("metadata"))
    fields: dict[str, Any] = {"title": title, "metadata": small(metadata)}
    fields |= {name: own[name] for name in ("project", "tags") if own.get(name)}
    return About(id=name or hashlib.sha256(record.text.encode()).hexdigest()[:32], fields=fields)


def _entries(line: int, trajectory: Mapping[str, Any], sub: Sub | None) -> Iterator[Entry | Fault]:
    """What is around the steps, the steps, and the trajectories inside, each piece an original of its own."""
    around = {name: what for name, what in trajectory.items() if name not in ("steps", "subagent_trajectories")}
    yield Entry(line, "trajectory", json_text(around))
    calls: dict[str, str] = {}
    for number, step in enumerate(trajectory["steps"], 1):
        told = fields_of(step)
        calls |= _references(told)
        if told.get("source") not in ROLES:
            yield Entry(line, "step", json_text(step), note=f"step {number} has no source that ATIF knows")
            continue
        yield from entries_of(line, number, told, sub)
    for number, inner in enumerate(objects_of(trajectory.get("subagent_trajectories")), 1):
        if isinstance(inner.get("steps"), list):
            yield from _entries(line, inner, _sub(number, inner, calls))


def _references(step: Mapping[str, Any]) -> dict[str, str]:
    """By the id of a trajectory: the call that started it."""
    found: dict[str, str] = {}
    for result in objects_of(fields_of(step.get("observation")).get("results")):
        call = result.get("source_call_id")
        for reference in objects_of(result.get("subagent_trajectory_ref")):
            if isinstance(reference.get("trajectory_id"), str) and isinstance(call, str):
                found[reference["trajectory_id"]] = call
    return found


def _sub(number: int, inner: Mapping[str, Any], calls: Mapping[str, str]) -> Sub:
    name = str(inner.get("trajectory_id") or number)
    plain = _plain(name)
    origin = fields_of(fields_of(fields_of(inner.get("extra")).get(OWN)).get("origin"))
    kind = fields_of(origin.get("under")).get("kind") or fields_of(inner.get("agent")).get("name")
    title = origin.get("title")
    return Sub(
        plain,
        calls.get(name),
        kind=str(kind)[:_MOST] if kind else None,
        title=title if isinstance(title, str) else None,
    )


def _plain(name: str) -> str:
    """A name for the sub-conversation that is called ``name``: that itself, if it can be."""
    try:
        return checked_branch(name if is_sub(name) else SUB + name)
    except Invalid:
        return SUB + hashlib.sha256(name.encode()).hexdigest()[:12]
