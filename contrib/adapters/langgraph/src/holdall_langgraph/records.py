"""What a thread's steps are in Holdall: entries of its tool log, each with a payload of bytes.

A payload that is too large for one entry lies in pieces in the entries before it, stored in the same step.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from holdall import Store, ToolRun

__all__ = ["CHECKPOINT", "REMOVED", "WRITES", "blob", "entry", "payload"]

CHECKPOINT, WRITES, REMOVED, _PIECE = (f"langgraph.{kind}" for kind in ("checkpoint", "writes", "removed", "piece"))
_LENGTH = 128 << 10
_PAGE = 500


def entry(kind: str, arguments: Mapping[str, Any], content: Any) -> list[dict[str, Any]]:
    """The entries for one step: the pieces of its payload, if there are any, and the entry that counts."""
    text = blob(msgspec.msgpack.encode(content))
    pieces = [text[start : start + _LENGTH] for start in range(0, len(text), _LENGTH)] if len(text) > _LENGTH else []
    last = {"tool": kind, "arguments": {**arguments, "pieces": len(pieces)}, "result": None if pieces else text}
    return [*({"tool": _PIECE, "result": piece} for piece in pieces), last]


async def payload(store: Store, session: str, run: ToolRun) -> Any:
    """The content that ``entry`` was given."""
    count = run["arguments"]["pieces"]
    if not count:
        return msgspec.msgpack.decode(base64.b64decode(run["result"]))
    texts: list[str] = []
    before = run.id
    while len(texts) < count:
        page = await store.tool_runs(session, before=before, limit=min(count - len(texts), _PAGE))
        texts += [piece["result"] for piece in reversed(page.items)]
        before = page.items[0].id
    return msgspec.msgpack.decode(base64.b64decode("".join(reversed(texts))))


def blob(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode()
