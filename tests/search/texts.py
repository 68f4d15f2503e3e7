"""Every text of the shared data, by the file that it is from."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["CHATS", "DATA", "texts"]

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CHATS = "agents", "chats", "trees", "chat-exports"
"""The folders with what people and agents say."""
_TABLE = 1000
"""An object of more fields is a table, whose names are data."""


def texts(*folders: str) -> Iterator[tuple[str, str]]:
    """The name of a file, and a text that is in it, of ``folders`` or of all; each text of a file once."""
    for part in folders or sorted(path.name for path in DATA.iterdir() if path.is_dir()):
        for path in sorted((DATA / part).rglob("*")):
            if path.is_file():
                name = path.relative_to(DATA).as_posix()
                yield from ((name, text) for text in dict.fromkeys(map(_sayable, _of(path))) if text)


def _sayable(text: str) -> str:
    """Without the halves of characters that JSON can name and UTF-8 cannot say."""
    return text.encode(errors="replace").decode()


def _of(path: Path) -> Iterator[str]:
    data = path.read_bytes()
    if path.name.endswith(".tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None:
                    yield from file.read().decode(errors="replace").splitlines()
        return
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig", errors="replace")
    name = path.name.removesuffix(".gz")
    if name.endswith(".md"):
        yield from text.split("\n\n")
    elif name.endswith(".json"):
        yield from _strings(_value(text))
    else:
        for line in text.split("\n"):
            yield from _strings(_value(line))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # a torn record, or lines
        return text.splitlines()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        if len(value) > _TABLE:
            yield from value
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
