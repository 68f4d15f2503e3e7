"""Query parameters: declared once, for the check and for the documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from holdall.sessions.policy import SessionPolicy
from holdall.spelling import nearest, one_of
from holdall_server.problems import Problem

__all__ = ["Bound", "Choice", "Cursor", "Limit", "Number", "Parameter", "Text", "Time", "Values", "parse"]

_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,500}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_TIME = re.compile(r"[0-9]{1,15}")
_MESSAGE = re.compile(r"msg_[A-Za-z0-9_-]{1,60}")
_LATEST = 253_402_300_799_999
_values = msgspec.json.Decoder(dict[str, str | int | float | bool | None]).decode
_SECRETS = frozenset({"token", "access_token", "api_key", "apikey", "authorization", "auth", "bearer"})
_MOST = 20
_LONGEST_NAME = 64
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter."""

    name: str
    about: str

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """The value that ``text`` stands for; raises ``ValueError`` with what it should be."""
        raise NotImplementedError

    def under(self, policy: SessionPolicy) -> Parameter:  # noqa: ARG002 - most depend on nothing
        """This parameter as a deployment with ``policy`` takes it."""
        return self


@dataclass(frozen=True, slots=True)
class Text(Parameter):
    """Any text."""

    most: int = 200

    @property
    def schema(self) -> dict[str, Any]:
        """A string of limited length."""
        return {"type": "string", "minLength": 1, "maxLength": self.most}

    def read(self, text: str) -> str:
        """``text`` itself, if it is neither empty nor too long."""
        if not 0 < len(text) <= self.most:
            raise ValueError(f"must have 1 to {self.most} characters")
        return text


@dataclass(frozen=True, slots=True)
class Cursor(Parameter):
    """A place in a list: what an answer gave as ``next`` or ``previous``, or the id of an item."""

    @property
    def schema(self) -> dict[str, Any]:
        """An opaque string."""
        return {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,500}$"}

    def read(self, text: str) -> str:
        """``text`` itself, if it can be a cursor."""
        if not _CURSOR.fullmatch(text):
            raise ValueError("must be a cursor that an answer gave")
        return text


@dataclass(frozen=True, slots=True)
class Number(Parameter):
    """A whole number."""

    least: int = 0
    most: int = 999_999_999

    @property
    def schema(self) -> dict[str, Any]:
        """An integer in its range."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def read(self, text: str) -> int:
        """The number, if it is in range."""
        value = int(text) if _NUMBER.fullmatch(text) else -1
        if not self.least <= value <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return value


@dataclass(frozen=True, slots=True)
class Limit(Number):
    """How many items a page may have: at most what the deployment allows."""

    least: int = 1

    def under(self, policy: SessionPolicy) -> Parameter:
        """With the deployment's own bound."""
        return replace(self, most=policy.max_page)


@dataclass(frozen=True, slots=True)
class Time(Parameter):
    """A moment: milliseconds since 1970, UTC."""

    @property
    def schema(self) -> dict[str, Any]:
        """An integer."""
        return {"type": "integer", "minimum": 0, "maximum": _LATEST}

    def read(self, text: str) -> int:
        """The moment, if it is one."""
        value = int(text) if _TIME.fullmatch(text) else -1
        if not 0 <= value <= _LATEST:
            raise ValueError("must be a time in milliseconds since 1970, UTC")
        return value


class Fields(dict[str, Any]):
    """A JSON object that was given as text, and can be given so again. It is not changed, so it can name things."""

    def __str__(self) -> str:
        return msgspec.json.encode(dict(self)).decode()

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(str(self))


@dataclass(frozen=True, slots=True)
class Bound(Parameter):
    """A moment, or the id of a message."""

    @property
    def schema(self) -> dict[str, Any]:
        """A whole number, or an id."""
        return {"type": "string", "pattern": "^([0-9]{1,15}|msg_[A-Za-z0-9_-]{1,60})$"}

    def read(self, text: str) -> int | str:
        """The moment, or the id, if it can be one."""
        if _MESSAGE.fullmatch(text):
            return text
        if not _TIME.fullmatch(text) or int(text) > _LATEST:
            raise ValueError("must be a time in milliseconds since 1970, UTC, or the id of a message")
        return int(text)


@dataclass(frozen=True, slots=True)
class Values(Parameter):
    """A JSON object of simple values, as text."""

    most: int = 1000

    @property
    def schema(self) -> dict[str, Any]:
        """A string with JSON in it."""
        return {"type": "string", "contentMediaType": "application/json", "maxLength": self.most}

    def read(self, text: str) -> Fields:
        """The values by their names."""
        try:
            if len(text) <= self.most:
                return Fields(_values(text))
        except ValueError:
            pass
        raise ValueError(f"must be a JSON object of simple values, of {self.most} characters at most")


@dataclass(frozen=True, slots=True)
class Choice(Parameter):
    """One of a few words."""

    words: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"type": "string", "enum": list(self.words)}

    def read(self, text: str) -> str:
        """The word, if it is one of them."""
        if text not in self.words:
            raise ValueError(one_of(self.words, text))
        return text


def parse(query: str, declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values in a query string; raises ``Problem`` 400 for what is not declared, given twice, or wrong."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise Problem(400, "malformed-query", "the query string is malformed") from None
    found: dict[str, Any] = {}
    for name, text in pairs:
        parameter = declared.get(name)
        if parameter is None:
            raise _unknown(name, list(declared))
        if name in found:
            raise Problem(400, "invalid-parameter", "is given twice", parameter=name)
        try:
            found[name] = parameter.read(text)
        except ValueError as error:
            raise Problem(400, "invalid-parameter", str(error), parameter=name) from None
    return found


def _unknown(name: str, known: Sequence[str]) -> Problem:
    if name.lower() in _SECRETS:
        return Problem(400, "token-in-url", "a token belongs in the Authorization header, never in the URL")
    allowed = f"allowed: {', '.join(known)}" if known else "none is allowed here"
    shown = name[:_LONGEST_NAME]
    called = f" {shown!r}" if _PLAIN.fullmatch(shown) else ""
    detail = f"unknown query parameter{called}{nearest(shown, known)} ({allowed})"
    return Problem(400, "unknown-parameter", detail, parameter=shown)
