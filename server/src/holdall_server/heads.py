"""The grammar of a request's head (RFC 9112), for what Sanic lets through; and heads that are plain, taken apart.

Sanic 25.12 answers 200 to a name with a space before its colon, to NUL and bare CR in a value, and to a request
with no Host or two. Each of them is how a request is smuggled past, or to, another server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

__all__ = ["Head", "fault_of", "plain"]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_HEAD = re.compile(
    rb"%b [\x21-\x7e]+ HTTP/1\.([01])(?:\r\n%b:[\t\x20-\x7e\x80-\xff]*)*" % (_TOKEN, _TOKEN),
)
_LENGTH = re.compile(r"[0-9]{1,18}")
_SPAN = 19
"""Bytes of the longest length that is understood, and the one behind it."""
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]{1,260}")
_TARGET = re.compile(r"(/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)(?:\?([A-Za-z0-9._~%!$&'()*+,;=:@/?-]*))?")
_UNUSUAL = frozenset({"expect", "transfer-encoding", "upgrade"})
_END = b"\r\n\r\n"


@dataclass(slots=True, eq=False)
class Head:
    """What the head of a request says."""

    raw: bytes
    method: str
    target: str
    """The path as it was sent."""
    query: str
    headers: Mapping[str, str]
    """By their lower-case names."""
    size: int = 0
    """Of the body."""
    fault: str | None = None
    """What is wrong with it."""
    handle: Callable[[Any, Head, bytes | bytearray], Coroutine[Any, Any, None]] = field(init=False)
    """The handler of the operation that is asked for."""
    path: Mapping[str, str] = field(init=False)
    """What stands for the names in the operation's path."""
    let: Any = None
    """What its gate found out when it was let in, for when it comes again."""
    _before: bytes = field(init=False)
    """What stands before the length of the body, which is at ``_at``, and what stands ``_after`` it."""
    _at: int = field(init=False)
    _after: bytes = field(init=False)

    def again(self, buffer: bytearray) -> int:
        """How long this head is in ``buffer``, if that begins with it but for the length of its body; or -1.

        The comparison takes as long for a token that is nearly right as for any other.
        """
        at, after = self._at, self._after
        if not compare_digest(buffer[:at], self._before):
            return -1
        if not after:
            return at
        stop = buffer.find(b"\r", at, at + _SPAN)
        start, digits = stop + len(after), buffer[at:stop]
        if stop < 0 or not digits.isdigit() or not compare_digest(buffer[stop:start], after):
            return -1
        self.size = int(digits)
        return start

    def keep(self) -> None:
        """Make ready to be asked whether it has come ``again``."""
        whole = self.raw + _END
        found = _SIZED.search(whole)
        at, to = (len(whole), len(whole)) if found is None else found.span(1)
        self._before, self._at, self._after = whole[:at], at, whole[to:]


_SIZED = re.compile(rb"\r\ncontent-length:[\t ]*([0-9]+)(?=\r\n)", re.IGNORECASE)


def plain(raw: bytes) -> Head | None:
    """The head in ``raw``, if it is plain; ``None``: it needs a closer look.

    Plain is what nothing is wrong with, nothing was given twice in, and nobody could read in two ways: HTTP/1.1 in
    ASCII, kept alive, with a body that says how long it is or none.
    """
    match = _HEAD.fullmatch(raw)
    if match is None or match[1] != b"1" or not raw.isascii():
        return None
    first, *lines = raw.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.lstrip() for name, _, value in [line.partition(":") for line in lines]}
    place = _TARGET.fullmatch(target)
    if len(headers) < len(lines) or place is None or not _UNUSUAL.isdisjoint(headers):
        return None
    if headers.get("connection", "keep-alive").lower() != "keep-alive" or not _HOST.fullmatch(
        headers.get("host", "").strip()
    ):
        return None
    length = headers.pop("content-length", "0")  # another each time
    if not _LENGTH.fullmatch(length):
        return None
    return Head(raw, method, place[1], place[2] or "", headers, int(length))


def fault_of(head: bytes, hosts: Sequence[str], lengths: Sequence[str], codings: Sequence[str]) -> str | None:
    """What is wrong with a request's head, given the values of three headers; ``None``: nothing."""
    match = _HEAD.fullmatch(head)
    if match is None:
        return "a request line or header field is malformed"
    if len(hosts) != 1 and (hosts or match[1] == b"1"):
        return "there must be one Host header"
    if hosts and not _HOST.fullmatch(hosts[0].strip()):
        return "the Host header is malformed"
    if lengths and (len(lengths) > 1 or codings or not _LENGTH.fullmatch(lengths[0].strip())):
        return "the Content-Length header is malformed"
    if codings and (len(codings) > 1 or codings[0].strip().lower() != "chunked"):
        return "the Transfer-Encoding header is not one that is understood"
    return None
