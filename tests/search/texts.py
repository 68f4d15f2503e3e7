"""Every text of the shared data, by the file that it is from."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDERS = ("agents", "chats", "trees", "chat-exports")
_LONGEST = 100_000


def texts(folder: Path = DATA) -> Iterator[tuple[str, str]]:
    """The name of a file, and a text that is in it; each text of a file once."""
    for part in FOLDERS:
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                yield from ((path.name, text) for text in dict.fromkeys(_of(path)) if 0 < len(text) <= _LONGEST)


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
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
