"""The texts as messages of many sessions: who said them, when, in what form."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdall.sessions.store import Store
from tests.search.reference import Reading

__all__ = ["OWNERS", "PROJECTS", "ROLES", "TOOLS", "Said", "Talk", "dealt", "stored"]

OWNERS, PROJECTS, TOOLS = ("ana", "bob", "cleo"), ("site", "app", None), ("grep", "read_file", "webSearch")
ROLES = "user", "assistant", "tool", "system"
BEGAN, SPREAD = 1_700_000_000_000, 20_000_000
"""Milliseconds: when the first text was said, and within which all were; some at the same time."""
_BATCH = 500


@dataclass(slots=True)
class Said:
    """A text in a message."""

    text: str
    role: str
    at: int
    tool: str | None
    """The tool that is asked to do what the text says."""
    reading: Reading
    order: tuple[int, str, str, int] = (0, "", "", 0)
    """By which the newest come first: time, session, branch, position."""

    def message(self) -> dict[str, Any]:
        """The message that says it."""
        text = self.text
        content: Any = text
        if self.tool is not None:
            content = [{"type": "tool_call", "id": "c-1", "name": self.tool, "arguments": {"input": text}}]
        elif self.role == "tool":
            content = [{"type": "tool_result", "id": "c-1", "content": text}]
        elif self.at % 3 == 0:
            content = [{"type": "text", "text": text}, {"type": "image", "media_type": "image/png", "data": "AAAA"}]
        return {"role": self.role, "content": content, "created_at": self.at, "metadata": {"third": self.at % 3}}


@dataclass(slots=True)
class Talk:
    """A session, before it is stored and after."""

    owner: str
    project: str | None
    said: list[Said] = field(default_factory=list[Said])
    id: str = ""


def dealt(texts: Sequence[str], rng: random.Random, longest: int = 2500) -> list[Talk]:
    """Sessions of very different lengths, with ``texts`` as they come."""
    talks: list[Talk] = []
    left = 0
    for text in texts:
        if left == 0:
            left = rng.choice((1, rng.randint(2, 50), rng.randint(50, longest)))
            talks.append(Talk(rng.choice(OWNERS), rng.choice(PROJECTS)))
        left -= 1
        role = rng.choice(ROLES)
        tool = rng.choice(TOOLS) if role == "assistant" and rng.random() < 0.5 else None
        reading = Reading(text if tool is None else f"{tool}\n{text}")
        talks[-1].said.append(Said(text, role, BEGAN + rng.randrange(SPREAD), tool, reading))
    return talks


async def stored(store: Store, talks: Sequence[Talk]) -> dict[tuple[str, str], Said]:
    """Every text, by the session and the id of the message that says it now."""
    return {place: said for talk in talks async for place, said in _stored(store, talk)}


async def _stored(store: Store, talk: Talk) -> Any:
    session = await store.create(owner=talk.owner, project=talk.project)
    talk.id = session.id
    for batch in _batches(talk.said):
        for said, message in zip(batch, await session.append([said.message() for said in batch]), strict=True):
            said.order = said.at, session.id, "main", int(message.id.rpartition("_")[2])
            yield (session.id, message.id), said


def _batches(said: Sequence[Said]) -> Iterator[Sequence[Said]]:
    """As many at once as a step may have, and few where they are long."""
    start = size = 0
    for at, one in enumerate(said):
        if at - start == _BATCH or size > 1 << 20:
            yield said[start:at]
            start, size = at, 0
        size += len(one.text)
    yield said[start:]
