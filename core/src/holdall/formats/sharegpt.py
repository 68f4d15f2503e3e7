"""ShareGPT conversations: turns `from` somebody with a `value`; with `chosen` and `rejected`, two endings of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from holdall.formats.many import Unnamed
from holdall.formats.records import About, Entry, Record, Result, Run, Transcript
from holdall.formats.single import again
from holdall.formats.values import fields_of, json_of, kept, parsed_json, titled

__all__ = ["READER"]

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "system": "system",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}
_ENDINGS = ("chosen", "rejected")
_TAKEN = frozenset({"from", "value"})
_FACT = 200


def matches(record: Record) -> bool:
    """Whether a record is a conversation."""
    turns = record.value.get("conversations")
    return isinstance(turns, list) and any(map(_is_turn, cast("list[Any]", turns)))


def conversation(record: Record) -> Transcript:
    """The session that a record is; what was rejected is a branch beside what was chosen."""
    value = record.value
    turns: list[Any] = list(value["conversations"])
    if isinstance(value.get("system"), str) and value["system"]:
        turns.insert(0, {"from": "system", "value": value["system"]})
    asked: list[str] = []
    made = [_entry(record.line, turn, number, asked) for number, turn in enumerate(turns)]
    for number, entry in enumerate(made):
        entry.node, entry.parent = str(number), str(number - 1) if number else None
    endings = list(_endings(record, asked, made[-1].node))
    made += endings
    for entry in made:
        entry.link = 0
    made[0].original = record.text
    facts = {
        name: found
        for name, found in kept(value, frozenset({"conversations", "system", *_ENDINGS})).items()
        if isinstance(found, bool | int | float) or (isinstance(found, str) and len(found) <= _FACT)
    }
    said = (turn["value"] for turn in turns if _is_turn(turn) and _ROLES.get(turn["from"]) == "user")
    fields = {"title": next(filter(None, map(titled, said)), None), "metadata": facts}
    return Transcript(About(fields=fields), again(made), "nodes" if endings else "order")


def _is_turn(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    turn = cast("dict[str, Any]", value)
    return isinstance(turn.get("from"), str) and isinstance(turn.get("value"), str)


def _endings(record: Record, asked: Sequence[str], above: str | None) -> Iterator[Entry]:
    for name in _ENDINGS:
        turn = record.value.get(name)
        if turn is not None:
            entry = _entry(record.line, turn, name, list(asked))
            entry.node, entry.parent = name, above
            yield entry


def _entry(line: int, value: Any, place: int | str, asked: list[str]) -> Entry:
    """A turn; ``asked`` are the calls so far that have no answer yet."""
    if not _is_turn(value) or value["from"] not in _ROLES:
        return Entry(line, "unknown", note="is not of anybody known, with a value that is text")
    turn = cast("dict[str, Any]", value)
    entry = Entry(line, turn["from"])
    entry.message = {"role": _ROLES[turn["from"]], "content": _content(turn, place, entry, asked)}
    rest = kept(turn, _TAKEN)
    if rest:
        entry.message["metadata"] = rest
    return entry


def _content(turn: Mapping[str, Any], place: int | str, entry: Entry, asked: list[str]) -> str | list[dict[str, Any]]:
    text: str = turn["value"]
    if turn["from"] == "function_call":
        told = parsed_json(text)
        listed = cast("list[Any]", told) if isinstance(told, list) else [told]
        calls = [call for call in map(fields_of, listed) if isinstance(call.get("name"), str) and call["name"]]
        if not calls:
            return text
        parts: list[dict[str, Any]] = []
        for number, call in enumerate(calls):
            identity, arguments = f"call-{place}-{number}", call.get("arguments")
            fields = {"tool": call["name"][:_FACT], "call": identity, "arguments": json_of(arguments)}
            entry.runs.append(Run({**fields, "status": "running"}))
            parts.append({"type": "tool_call", "id": identity, "name": call["name"], "arguments": arguments})
            asked.append(identity)
        return parts
    if _ROLES[turn["from"]] == "tool":
        identity = asked.pop(0) if asked else f"call-{place}"
        entry.results.append(Result(identity, text))
        return [{"type": "tool_result", "id": identity, "content": text}]
    return text


READER = Unnamed(matches, conversation)
"""Reads them."""
