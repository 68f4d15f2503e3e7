"""The trees of other programs, walked in the plainest way there is: nothing of Holdall's readers is used here.

Each function makes of a conversation its paths from the first message to each last one; a message is its id, role and text.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["WALKS", "Conversation", "conversations", "loaded"]

Step = tuple[str, str, str]
Paths = list[tuple[Step, ...]]


class Conversation:
    """One conversation of a file: what it is as a value, its paths, and the path that its program shows."""

    def __init__(self, value: Any, paths: Paths, shown: tuple[Step, ...] | None) -> None:
        self.value = value
        self.paths = paths
        self.shown = shown


def loaded(path: Path) -> Any:
    """The file as Python reads it: a document, or a list of the lines."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode("utf-8-sig")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def conversations(kind: str, path: Path) -> list[Conversation]:
    """The conversations of a file."""
    value = loaded(path)
    if kind == "chatbot-ui":
        value = value["history"]
    return [WALKS[kind](one) for one in (value if isinstance(value, list) else [value])]


def chatgpt(value: Any) -> Conversation:
    mapping = value["mapping"]

    def up(name: str) -> Iterator[Step]:
        while name in mapping:
            message = mapping[name]["message"]
            if message is not None:
                content = message["content"]
                text = content.get("text") or content.get("result") or "\n".join(content.get("parts", []))
                yield name, message["author"]["role"], text
            name = mapping[name]["parent"]

    leaves = [name for name, node in mapping.items() if not any(child in mapping for child in node["children"])]
    paths = [tuple(up(name))[::-1] for name in leaves]
    current = value["current_node"]
    return Conversation(value, paths, tuple(up(current))[::-1] if current in mapping else None)


def librechat(value: Any) -> Conversation:
    if value["recursive"]:
        paths = [path for root in value["messages"] for path in _down(root, (), "children", _librechat)]
        return Conversation(value, paths, max(paths, key=lambda path: [_order(value, step[0]) for step in path]))
    steps = {message["messageId"]: _librechat(message) for message in value["messages"]}
    above = {message["messageId"]: message["parentMessageId"] for message in value["messages"]}

    def up(name: str) -> Iterator[Step]:
        while name in steps:
            yield steps[name]
            name = above[name]

    leaves = [name for name in steps if name not in above.values()]
    paths = [tuple(up(name))[::-1] for name in leaves]
    order = list(steps)
    return Conversation(value, paths, max(paths, key=lambda path: [order.index(step[0]) for step in path]))


def _order(value: Any, wanted: str) -> int:
    """The place of a message among its siblings."""
    levels = [value["messages"]]
    while levels:
        level = levels.pop()
        for at, message in enumerate(level):
            if message["messageId"] == wanted:
                return at
            levels.append(message.get("children", []))
    raise AssertionError(wanted)


def _librechat(message: Any) -> Step:
    return message["messageId"], "user" if message["isCreatedByUser"] else "assistant", message["text"]


def _down(node: Any, before: tuple[Step, ...], below: str, step: Callable[[Any], Step]) -> Iterator[tuple[Step, ...]]:
    path = (*before, step(node))
    if not node.get(below):
        yield path
    for child in node.get(below, ()):
        yield from _down(child, path, below, step)


def oasst(value: Any) -> Conversation:
    def step(node: Any) -> Step:
        return node["message_id"], {"prompter": "user"}.get(node["role"], node["role"]), node["text"]

    paths = list(_down(value["prompt"], (), "replies", step))
    return Conversation(value, paths, paths[0])


def sharegpt(value: Any) -> Conversation:
    def step(at: int, turn: Any) -> Step:
        return str(at), _SHAREGPT[turn["from"]], turn["value"]

    turns = ([{"from": "system", "value": value["system"]}] if value.get("system") else []) + value["conversations"]
    talk = tuple(step(at, turn) for at, turn in enumerate(turns))
    endings = [(name, _SHAREGPT[turn["from"]], turn["value"]) for name, turn in value.items() if name in _ENDINGS]
    paths = [(*talk, ending) for ending in endings] or [talk]
    return Conversation(value, paths, paths[0])


_SHAREGPT = {
    "human": "user",
    "gpt": "assistant",
    "system": "system",
    "function_call": "assistant",
    "observation": "tool",
}
_ENDINGS = ("chosen", "rejected")


def gemini(value: Any) -> Conversation:
    """What the program told its user is no message; what the tools answered is one behind the message that asked."""
    path: list[Step] = []
    for message in value["messages"]:
        if message["type"] in ("user", "gemini"):
            path.append((message["id"], "user" if message["type"] == "user" else "assistant", message["content"]))
            answers = [call["result"][0]["functionResponse"]["response"] for call in message.get("toolCalls", ())]
            outputs = [answer["output"] if "output" in answer else answer["error"] for answer in answers]
            if outputs:
                path.append((f"{message['id']}+1", "tool", "\n".join(outputs)))
    return Conversation(value, [tuple(path)], tuple(path))


def chatbotui(value: Any) -> Conversation:
    path = tuple((f"/{at}", one["role"], one["content"]) for at, one in enumerate(value["messages"]))
    return Conversation(value, [path], path)


WALKS: dict[str, Callable[[Any], Conversation]] = {
    "chatgpt": chatgpt,
    "librechat": librechat,
    "oasst": oasst,
    "sharegpt": sharegpt,
    "gemini-cli": gemini,
    "chatbot-ui": chatbotui,
}
