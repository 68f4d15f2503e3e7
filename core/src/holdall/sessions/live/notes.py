"""Notes, as the lane ``events`` has them; places among what a follower is told; and what it is told."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from holdall.errors import Invalid
from holdall.sessions.names import MAIN
from holdall.sessions.views import Message, ToolRun

__all__ = ["Change", "Note", "Place", "encoded", "parse_note", "place_of"]

_MOST_DIGITS = 15


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record of the lane ``events``, in format 1: something that the lane of the shown branch does not tell."""

    format: Literal[1] = 1
    type: str
    version: int
    """The session's, after the step."""
    at: int
    """Milliseconds since 1970, UTC."""
    shown: str = MAIN
    """The branch that was shown until then."""
    stop: int
    """The position in its lane before which everything came before this."""
    then: str | None = None
    """The branch that is shown from here on, where that changes."""
    start: int = 0
    """The position in the lane of ``then`` from which on everything comes after this."""
    lane: str | None = None
    """Where the records are that it tells of, if any."""
    first: int = 0
    last: int = 0
    """The position behind the last one."""
    about: dict[str, Any] = {}
    """What else is told."""

    def following(self) -> int:
        """The position from which on the lane of the branch that is then shown goes on."""
        return self.stop if self.then is None else self.start


encoded = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


def parse_note(data: bytes) -> Note | None:
    """A stored note; ``None`` for what is none, such as what ``holdall repair`` puts in a lost one's place."""
    try:
        return _decode(data)
    except ValueError:
        return None


class Place(msgspec.Struct, frozen=True):
    """A place in the order of everything that happens to a session: behind one thing, and before the next."""

    notes: int = 0
    """The position of the next note."""
    messages: int = 0
    """The position of the next message in the lane of the branch that is shown there."""
    part: int = 0
    """How many of the records that the next note tells of come before."""

    def __str__(self) -> str:
        text = f"{self.notes}-{self.messages}"
        return f"{text}-{self.part}" if self.part else text


def place_of(text: str | None) -> Place | None:
    """The place that ``text``, an id of a change, names; raises ``Invalid``. ``0`` is the beginning."""
    if text is None:
        return None
    words = text.split("-")
    plain = all(word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS for word in words)
    if text == "0":
        return Place()
    if not plain or len(words) not in (2, 3):
        raise Invalid("is not an id of an event of a session", pointer="/after")
    return Place(*map(int, words))


class Change(msgspec.Struct):
    """One thing that happened to a session, as a follower is told."""

    id: str
    """Its place: give it as ``after`` to be told what came later."""
    type: str
    fields: dict[str, Any] = {}
    """What is told of it, but for what it is about."""
    message: Message | None = None
    """The message that was appended or edited, as it is now."""
    run: ToolRun | None = None
    """The tool run that was logged or finished, as it is now."""
    _raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        """It as one JSON object without its id, made once for all who follow."""
        if self._raw is None:
            about = {"type": self.type, **self.fields}
            if self.message is not None:
                about["message"] = msgspec.Raw(self.message.raw)
            if self.run is not None:
                about["run"] = msgspec.Raw(self.run.raw)
            self._raw = encoded(about)
        return self._raw

    def as_dict(self) -> dict[str, Any]:
        """Every field, with the id."""
        return {"id": self.id, **msgspec.json.decode(self.raw)}
