"""A client that converses: it does whatever can be done to a session, and knows what was acknowledged."""

from __future__ import annotations

import http.client
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.system.conversing.asking import Answer, Line, Request

__all__ = ["Client", "Played"]

LARGE = "large " * 1000
GONE = (OSError, http.client.HTTPException)


@dataclass
class Played:
    """A session, and what was done to it."""

    name: str
    id: str = ""
    acked: list[tuple[Request, int]] = field(default_factory=list[tuple[Request, int]])
    """What was answered, in order, and with which status."""
    open: Request | None = None
    """What was asked last and not answered: it happened, or it did not."""
    deleted: bool = False
    messages: list[str] = field(default_factory=list[str])
    branches: list[str] = field(default_factory=lambda: ["main"])
    runs: list[str] = field(default_factory=list[str])
    said: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The words of each message and its versions that are nowhere else."""
    purged: list[str] = field(default_factory=list[str])
    """Messages whose purge was acknowledged …"""
    certain: list[str] = field(default_factory=list[str])
    """… and of which nothing was left."""


class Client(threading.Thread):
    """Plays sessions, one at a time; gives one up when it can't know what came of the last request."""

    def __init__(self, port: int, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.sessions: list[Played] = []
        self.ended = threading.Event()
        self.acknowledged = 0
        self.repeated = 0
        self._line, self._chance = Line(port), random.Random(f"{seed} {number}")
        self._count = 0
        self.faults: list[str] = []
        self.played: Played | None = None

    def run(self) -> None:
        """Until it is told to end."""
        while not self.ended.is_set():
            try:
                self._begin()
                while self.played is not None and not self.ended.is_set():
                    self._one(self.played, self._choose(self.played))
            except Exception as error:  # noqa: BLE001 - whatever it is, the run has to tell of it
                self.faults.append(f"client {self.number}: {error!r}")
                self.ended.set()
        self._line.close()

    def _begin(self) -> None:
        """Another session; by a key of its own, which can be asked for as often as it takes."""
        name = f"c{self.number}-{len(self.sessions)}"
        while not self.ended.is_set():
            try:
                answer = self._line.ask("POST", "/api/sessions", {"key": name})
            except GONE:
                time.sleep(0.02)
                continue
            if answer.status in (200, 201):
                self.played = Played(name, answer.body["id"])
                self.sessions.append(self.played)
                return
            if answer.status < 500:
                raise AssertionError(answer)
            time.sleep(0.02)

    def _one(self, played: Played, request: Request) -> None:
        again = False
        while True:
            played.open = request
            try:
                answer = self._line.send(played.id, request)
            except GONE:
                answer = None
            if answer is not None and answer.status < 500:
                break
            if request.key is None or self.ended.is_set():
                self.played = None
                return
            again = True
            time.sleep(0.02)
        self.repeated += again
        played.open = None
        played.acked.append((request, answer.status))
        self.acknowledged += 1
        if answer.status < 300:
            _learn(played, request, answer)
        if played.deleted:
            self.played = None

    def _token(self) -> str:
        self._count += 1
        return f"zq{self.number}y{len(self.sessions)}x{self._count}q"

    def _message(self, played: Played) -> tuple[dict[str, Any], str]:
        chance, token = self._chance, self._token()
        message: dict[str, Any] = {"role": chance.choice(["user", "assistant"]), "content": f"common {token}"}
        kind = chance.random()
        if kind < 0.1:
            message["content"] = f"{LARGE}{token}"
        elif kind < 0.2:
            message["content"] = [{"type": "text", "text": LARGE}, {"type": "text", "text": f"common {token}"}]
        if chance.random() < 0.3:
            message |= {"usage": {"input_tokens": self._count, "output_tokens": 3}, "cost_usd": 0.5, "latency_ms": 7}
        if played.messages and chance.random() < 0.2:
            message["reply_to"] = chance.choice(played.messages)
        return message, token

    def _choose(self, played: Played) -> Request:
        while True:
            (kind,) = self._chance.choices([*_KINDS], [*_KINDS.values()])
            request: Request | None = getattr(self, f"_{kind}")(played)
            if request is not None:
                return request

    def _key(self, often: float = 0.5) -> str | None:
        self._count += 1
        return f"k{self.number}-{self._count}" if self._chance.random() < often else None

    def some(self, names: list[str]) -> str:
        return self._chance.choice(names[-12:])

    def _append(self, played: Played) -> Request:
        message, token = self._message(played)
        branch = f"?branch={self.some(played.branches)}" if self._chance.random() < 0.3 else ""
        return Request("POST", f"/messages{branch}", message, self._key(), (token,), "append")

    def _batch(self, played: Played) -> Request:
        made = [self._message(played) for _ in range(3)]
        body = {"messages": [each for each, _ in made], "tools": [{"tool": "grep"}], "originals": ["as it was"]}
        return Request("POST", "/messages", body, self._key(), tuple(token for _, token in made), "append")

    def _fork(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        self._count += 1
        body = {"name": f"b{self._count}", "at": self.some(played.messages), "switch": self._chance.random() < 0.5}
        return Request("POST", "/branches", body, self._key(), kind="fork")

    def _sub(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        self._count += 1
        body = {"name": f"sub-{self._count}", "under": self.some(played.messages), "kind": "helper"}
        return Request("POST", "/branches", body, self._key(), kind="fork")

    def _edit(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        token, name = self._token(), self.some(played.messages)
        content = f"{LARGE}{token}" if self._chance.random() < 0.2 else f"common {token}"
        return Request("PATCH", f"/messages/{name}", {"content": content}, None, (token,), "edit")

    def _restore(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        return Request("POST", f"/messages/{self.some(played.messages)}/restore", {"version": 1}, kind="restore")

    def _redact(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        return Request("POST", f"/messages/{self.some(played.messages)}/redact", {"reason": "r"}, kind="redact")

    def _purge(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        return Request("POST", "/purge", {"message": self.some(played.messages)}, kind="purge")

    def _revert(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        return Request("POST", "/revert", {"to": self.some(played.messages)}, kind="revert")

    def _unrevert(self, _: Played) -> Request:
        return Request("POST", "/unrevert", kind="unrevert")

    def _branch(self, played: Played) -> Request:
        name = self.some(played.branches)
        changes = self._chance.choice([{"title": self._token()}, {"current": True}, {"deleted": False}])
        return Request("PATCH", f"/branches/{name}", changes, kind="branch")

    def _drop(self, played: Played) -> Request:
        return Request("DELETE", f"/branches/{self.some(played.branches)}", kind="drop")

    def _compact(self, _: Played) -> Request:
        return Request("POST", "/compact", {"budget": self._chance.choice([20, 60, 2000])}, kind="compact")

    def _summarise(self, played: Played) -> Request | None:
        if not played.messages:
            return None
        return Request("POST", "/summaries", {"text": "it was talked of this and that"}, kind="summarise")

    def _update(self, _: Played) -> Request:
        self._count += 1
        body = {"metadata": {"n": self._count}, "title": f"t {self._count}", "tags": ["a", f"t{self._count}"]}
        return Request("PATCH", "", body, kind="update")

    def _finish(self, played: Played) -> Request | None:
        if not played.runs:
            return None
        return Request("PATCH", f"/tools/{played.runs.pop()}", {"status": "succeeded", "result": "r"}, kind="finish")

    def _clear(self, _: Played) -> Request:
        return Request("DELETE", "/history", kind="clear")

    def _end(self, _: Played) -> Request:
        return Request("DELETE", "", kind="delete")


_KINDS = {
    "append": 40, "batch": 4, "fork": 6, "sub": 4, "edit": 10, "restore": 3, "redact": 4, "purge": 3, "revert": 4,
    "unrevert": 3, "branch": 6, "drop": 3, "compact": 4, "summarise": 2, "update": 5, "finish": 2, "clear": 0.3, "end": 0.5,
}  # fmt: skip
"""What can be done, and how often it is."""


def _learn(played: Played, request: Request, answer: Answer) -> None:
    """What the answer says there is."""
    body = answer.body
    match request.kind:
        case "append":
            made = body.get("messages", [body])
            for message, token in zip(made, request.tokens, strict=True):
                played.messages.append(message["id"])
                played.said[message["id"]] = [token]
            played.runs += [run["id"] for run in body.get("tools", ())]
        case "edit":
            played.said.setdefault(body["id"], []).extend(request.tokens)
        case "fork":
            played.branches.append(body["name"])
        case "purge":
            name = request.body["message"]
            played.purged.append(name)
            if body["verified"]:
                played.certain += played.said.pop(name, [])
        case "clear":
            played.messages, played.branches, played.runs = [], ["main"], []
        case "delete":
            played.deleted = True
        case _:
            pass
