"""The grammar of a request's head (RFC 9112), for what Sanic lets through.

Sanic 25.12 answers 200 to a name with a space before its colon, to NUL and bare CR in a value, and to a request
with no Host or two. Each of them is how a request is smuggled past, or to, another server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["fault_of"]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_HEAD = re.compile(
    rb"%b [\x21-\x7e]+ HTTP/1\.([01])(?:\r\n%b:[\t\x20-\x7e\x80-\xff]*)*" % (_TOKEN, _TOKEN),
)
_LENGTH = re.compile(r"[0-9]{1,18}")
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]{1,260}")


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
