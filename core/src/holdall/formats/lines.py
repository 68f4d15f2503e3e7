"""Lines of a JSONL file, plain or gzipped: each a JSON object or a fault that says what it is instead."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from holdall.formats.records import Fault, Record

__all__ = ["LONGEST", "damage", "not_an_object", "opened", "read_lines", "refuse", "unreadable"]

LONGEST = 64 << 20
"""The most bytes in one line that are looked at."""
damage = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a compressed file that is damaged raises."""
_GZIP = b"\x1f\x8b"


def read_lines(path: Path) -> Iterator[Record | Fault]:
    """Every line that is not blank. Text is kept as it stands, without the line feed."""
    number = 0
    with opened(path) as file:
        while True:
            number += 1
            try:
                raw = file.readline(LONGEST)
            except damage as error:
                yield Fault(number, f"the compressed file is damaged from here on: {error}")
                return
            if not raw:
                return
            if len(raw) == LONGEST and not raw.endswith(b"\n"):
                _skip(file)
                yield Fault(number, f"is longer than {LONGEST:,} bytes")
            elif raw.strip():
                yield _parsed(number, raw)


def opened(path: Path) -> IO[bytes]:
    """A file, unpacked if it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _skip(file: IO[bytes]) -> None:
    """Go to the end of the line."""
    while (more := file.readline(LONGEST)) and not more.endswith(b"\n"):
        pass


def _parsed(number: int, raw: bytes) -> Record | Fault:
    whole = raw.endswith(b"\n")
    try:
        text = raw.removesuffix(b"\n").decode()
        value: Any = _decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        return Fault(number, f"is not UTF-8 (byte {error.start + 1})")
    except json.JSONDecodeError as error:
        return Fault(number, _explained(error, whole=whole))
    except (ValueError, RecursionError) as error:
        return Fault(number, unreadable(error))
    if not isinstance(value, dict):
        return Fault(number, not_an_object(value))
    return Record(number, text, cast("dict[str, Any]", value))


_KINDS: dict[type, str] = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


def not_an_object(value: Any) -> str:
    """The reason why a value is no record."""
    return f"is a JSON {_KINDS.get(type(cast('object', value)), 'value')}, not an object"


def unreadable(error: ValueError | RecursionError) -> str:
    """The reason why a text is no JSON that is kept."""
    return f"is not JSON: {'it is nested too deeply' if isinstance(error, RecursionError) else error}"


def _explained(error: json.JSONDecodeError, *, whole: bool) -> str:
    if error.msg == "Extra data":
        return f"is two records glued together, the second from column {error.colno}"
    if not whole:
        return "is cut short: the file ends inside it"
    return f"is not JSON: {error.msg} at column {error.colno}"


def refuse(constant: str) -> Any:
    """For a decoder: raise ``ValueError`` for what Python would read as a number, and JSON does not have."""
    raise ValueError(f"{constant} is no JSON number")


_decode = json.JSONDecoder(parse_constant=refuse).decode
