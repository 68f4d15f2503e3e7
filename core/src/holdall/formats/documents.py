"""A file that is one JSON document: its records are the elements of an array, or it is one record as a whole."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, cast

from holdall.formats.lines import LONGEST, damage, not_an_object, opened, refuse, unreadable
from holdall.formats.records import Fault, Record

__all__ = ["Shape", "elements", "shape_of", "whole"]

Shape = Literal["lines", "array", "document"]

_PEEK, _CHUNK = 64 << 10, 1 << 20
_NEAR = 16
"""An error so close to the end of what was read is none yet: no escape or word of JSON is longer."""
_SPACE = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_BRACKET = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)
"""Everything up to the next bracket that is not in a string."""
_decoder = json.JSONDecoder(parse_constant=refuse)


def shape_of(path: Path) -> Shape:
    """Whether a file is lines, the elements of an array, or one object over several lines: its beginning tells."""
    with opened(path) as file:
        try:
            text = file.read(_PEEK).decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
        except damage:
            return "lines"
    first, more, rest = text.partition("\n")
    following = rest.lstrip().partition("\n")[0]
    if text[:1] == "[":
        return "lines" if following and _goes_on(first) is False else "array"
    if text[:1] == "{" and more and following and _goes_on(first) and not following.startswith("{"):
        return "document"
    return "lines"


def _goes_on(line: str) -> bool | None:
    """Whether a line ends between two values of something that goes on; ``None``: it is no JSON at all."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return True if error.pos >= len(line.rstrip()) else None
    except (ValueError, RecursionError):
        return None
    return False


def whole(path: Path) -> Iterator[Record | Fault]:
    """The one object that a file is."""
    yield _document(path)


def _document(path: Path) -> Record | Fault:
    raw = bytearray()
    with opened(path) as file:
        try:
            while len(raw) <= LONGEST and (more := file.read(_CHUNK)):
                raw += more
        except damage as error:
            return Fault(1, f"the compressed file is damaged: {error}")
    if len(raw) > LONGEST:
        return Fault(1, f"is longer than {LONGEST:,} bytes")
    try:
        text = raw.decode().removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        return Fault(raw.count(b"\n", 0, error.start) + 1, f"is not UTF-8 (byte {error.start + 1} of the file)")
    del raw  # it may be large
    try:
        value: Any = _decoder.decode(text)
    except json.JSONDecodeError as error:
        return Fault(error.lineno, f"is not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Fault(1, unreadable(error))
    return _made(1, text, value)


def elements(path: Path) -> Iterator[Record | Fault]:
    """The elements of the array that a file is, one after the other; hardly more than one of them is held."""
    with opened(path) as file:
        window = _Window(file)
        try:
            window.peek()
            window.at += 1
            bad = False
            while (char := window.peek()) != "]":
                if not char:
                    if not bad:
                        yield Fault(window.line, "is cut short: the file ends inside the array")
                    return
                if char == ",":
                    window.at += 1
                else:
                    found = [_element(window)]
                    bad = isinstance(found[0], Fault)
                    yield found.pop()  # it may be large, and is not held here while somebody is at it
            window.at += 1
            if window.peek():
                yield Fault(window.line, "comes after the end of the array")
        except damage as error:
            yield Fault(window.line, f"the compressed file is damaged from here on: {error}")


class _Window:
    """The part of a file that is looked at, and the line that it is in."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self.ended = False
        self.text = ""
        self.at = 0
        self.line = 1

    def stop(self) -> None:
        """Read no more."""
        self.ended, self.at = True, len(self.text)

    def more(self) -> bool:
        """Read on, and forget what lies behind; ``False`` where there is no more, or too much of one element."""
        begun = len(self.text) - self.at
        if self.ended or begun > LONGEST:
            return False
        data = self._file.read(max(_CHUNK, begun // 2))
        self.ended = not data
        self.text = self.text[self.at :] + self._decode(data, self.ended)
        self.at = 0
        return True

    def peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        while True:
            found = cast("re.Match[str]", _SPACE.match(self.text, self.at))
            self.take(found.end())
            if self.at < len(self.text):
                if self.text[self.at] != "\ufeff":
                    return self.text[self.at]
                self.at += 1
            elif not self.more():
                return ""

    def take(self, end: int) -> str:
        """What stands before ``end``; it lies behind from now on."""
        text = self.text[self.at : end]
        self.line += text.count("\n")
        self.at = end
        if end > _CHUNK:  # a large element need not be here twice
            self.text, self.at = self.text[end:], 0
        return text


def _element(window: _Window) -> Record | Fault:
    while True:
        if len(window.text) - window.at > _CHUNK:
            end = _end_of(window)
            if end is not None:
                return _decoded(window.line, window.take(end))
        at = window.at
        try:
            value, end = _decoder.raw_decode(window.text, at)
        except json.JSONDecodeError as error:
            close = error.msg.startswith("Unterminated string") or error.pos >= len(window.text) - _NEAR
            if close and window.more():
                continue
            line = window.line + window.text.count("\n", at, error.pos)
            if close and not window.ended:
                window.stop()
                return Fault(window.line, f"is longer than {LONGEST:,} characters; what follows it is not read")
            _skip(window)
            return Fault(line, f"is not JSON: {error.msg}" + (", where the file ends" if close else ""))
        except (ValueError, RecursionError) as error:
            line = window.line
            _skip(window)
            return Fault(line, unreadable(error))
        if end < len(window.text) or not window.more():
            line = window.line
            return _made(line, window.take(end), value)


def _end_of(window: _Window) -> int | None:
    """Where a large object or array ends; ``None``: nowhere, or it is neither.

    Whoever knows that before anything is made of it need not try again with each part that is read, nor hold the text
    twice beside what is made of it.
    """
    if window.text[window.at] not in "[{":
        return None
    depth = seen = 0
    while True:
        while found := _BRACKET.match(window.text, window.at + seen):
            seen = found.end() - window.at
            depth += 1 if found[1] in "[{" else -1
            if not depth:
                return found.end()
        if not window.more():
            return None


def _decoded(line: int, text: str) -> Record | Fault:
    try:
        value: Any = _decoder.decode(text)
    except json.JSONDecodeError as error:
        return Fault(line + text.count("\n", 0, error.pos), f"is not JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        return Fault(line, unreadable(error))
    return _made(line, text, value)


def _skip(window: _Window) -> None:
    """Go to the end of an element that can't be read: the next comma or bracket that is not inside of it."""
    while True:
        depth = 0
        for token in _TOKEN.finditer(window.text, window.at):
            if token[0] in "[{":
                depth += 1
            elif depth == 0 and token[0] in ",]":
                window.take(token.start())
                return
            elif token[0] in "]}":
                depth = max(depth - 1, 0)
        if not window.more():
            window.take(len(window.text))
            return


def _made(line: int, text: str, value: Any) -> Record | Fault:
    if not isinstance(value, dict):
        return Fault(line, not_an_object(value))
    try:
        for start in range(0, len(text), _CHUNK):  # one part after the other, for it may be large
            text[start : start + _CHUNK].encode()
    except UnicodeEncodeError:
        return Fault(line, "is not UTF-8")
    return Record(line, text, cast("dict[str, Any]", value))
