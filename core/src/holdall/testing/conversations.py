"""Conversations such as agents have, for the kits of what shortens them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import Item, counted, regrouped
from holdall.sessions.compaction.kinds import Covered, Entry
from holdall.sessions.views import Message

__all__ = ["Words", "conversations", "entries_of", "message", "said"]


class Words:
    """Counts words: a tokenizer whose every answer can be checked by eye."""

    def count(self, text: str) -> int:
        """The words of ``text``."""
        return len(text.split())


def message(position: int, fields: dict[str, Any]) -> Message:
    """A message as it is read from a session."""
    return Message(msgspec.json.encode({"id": f"msg_main_{position:010d}", "created_at": position, **fields}))


def said(role: str, text: str) -> dict[str, Any]:
    """A message of words."""
    return {"role": role, "content": text}


def entries_of(messages: list[Message], summary: str | None = None) -> list[Entry]:
    """What a compactor is shown of ``messages``, behind a summary of what came before, where there is one."""
    counter = Counter(Words())
    entries = [counted(Item(position, each), counter) for position, each in enumerate(messages, 10)]
    if summary is not None:
        covered = Covered(0, 9, 10, summary)
        shown = Message(msgspec.json.encode({"id": "summary", **said("user", summary)}))
        entries.insert(0, counted(Item(0, shown, covered=covered), counter))
    return regrouped(entries)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Turns of all kinds: system messages anywhere, calls side by side, results late, twice or never."""
    turns: list[dict[str, Any]] = []
    waiting: list[str] = []
    words = st.integers(1, 60).map(lambda count: " ".join(["word"] * count))
    for number in range(draw(st.integers(0, 16))):
        kind = draw(st.sampled_from(("user", "assistant", "system", "calls", "result", "result", "openai")))
        if kind in ("user", "assistant", "system"):
            turns.append(said(kind, draw(words)))
        elif kind == "calls":
            names = [f"c{draw(st.integers(0, 6))}" for _ in range(draw(st.integers(1, 3)))]
            waiting += names
            parts = [{"type": "tool_call", "id": name, "name": "run", "arguments": {"n": number}} for name in names]
            turns.append({"role": "assistant", "content": [{"type": "text", "text": draw(words)}, *parts]})
        elif kind == "openai":
            name = f"o{draw(st.integers(0, 3))}"
            waiting.append(name)
            turns.append({"role": "assistant", "content": "", "tool_calls": [{"id": name, "type": "function"}]})
        elif waiting:
            turns.append(_result(draw, draw(st.sampled_from(waiting)), draw(words)))
    return [message(at, turn) for at, turn in enumerate(turns)]


def _result(draw: st.DrawFn, name: str, text: str) -> dict[str, Any]:
    if name.startswith("o"):
        return {"role": "tool", "tool_call_id": name, "content": text}
    role = draw(st.sampled_from(("tool", "user")))
    return {"role": role, "content": [{"type": "tool_result", "id": name, "content": text}]}
