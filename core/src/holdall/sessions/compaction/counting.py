"""How many tokens messages are, counted once for each content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from holdall.sessions.compaction.kinds import Tokenizer
from holdall.sessions.compaction.parts import large_of, output_parts, parts_of
from holdall.sessions.views import Message

__all__ = ["AROUND", "BYTES", "PICTURE", "Counter"]

AROUND = 4
"""What a message takes beside its words: who speaks, where it ends."""
PICTURE = 1_000
"""What an image or a file is taken for: it is no text, and models differ."""
BYTES = 4
"""Of a large part, which is kept apart and not read to be counted, so many are taken for a token."""
_KEPT = 20_000
_WORDS = ("text", "thinking")


class Counter:
    """Counts messages by a tokenizer, and remembers what it counted by the digest of each message."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._kept: OrderedDict[bytes, tuple[int, Mapping[int, int]]] = OrderedDict()

    def message(self, message: Message) -> tuple[int, Mapping[int, int]]:
        """The tokens of a message, and of each of its parts that is a tool's output."""
        digest = blake2b(message.raw, digest_size=16).digest()
        found = self._kept.get(digest)
        if found is None:
            found = self._kept[digest] = self._counted(message)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(digest)
        return found

    def text(self, text: str) -> int:
        """The tokens of a text; raises ``ValueError`` where a tokenizer counts less than none."""
        counted = self.tokenizer.count(text) if text else 0
        if counted < 0:
            raise ValueError(f"a tokenizer counted {counted} tokens")
        return counted

    def _counted(self, whole: Message) -> tuple[int, Mapping[int, int]]:
        message = whole.fields
        parts = [self._part(part) for part in parts_of(message)] or [0]
        for at, size in large_of(whole).items():
            if at < len(parts) and parts[at] < PICTURE:  # pictures are counted as such
                parts[at] += size // BYTES
        calls = message.get("tool_calls")
        around = AROUND + (self.text(_json(calls)) if calls else 0)
        return around + sum(parts), {at: parts[at] for at in output_parts(message)}

    def _part(self, part: Mapping[str, Any]) -> int:
        kind = part.get("type")
        if kind in _WORDS:
            return self.text(str(part.get("text") or ""))
        if kind == "tool_call":
            return self.text(str(part.get("name") or "")) + self.text(_json(part.get("arguments")))
        if kind == "tool_result":
            return self._output(part.get("content"))
        return PICTURE if kind in ("image", "file") else self.text(_json(part))

    def _output(self, content: Any) -> int:
        """What a tool gave back: a text, or a list that may have pictures in it."""
        if isinstance(content, str):
            return self.text(content)
        if isinstance(content, list):
            return sum(self._part(part) if isinstance(part, dict) else self.text(_json(part)) for part in content)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return 0 if content is None else self.text(_json(content))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
