"""Entries in the file backend's catalogue that no log stands behind: for stores larger than a disk likes to hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from holdall.contract import Head
from holdall.sessions.names import BYTES, RECENT, hashed
from tests.bench.stores import OWNERS

_BATCH = 10_000


def enter(folder: Path, count: int) -> None:
    """Put ``count`` more sessions into the catalogue of the closed store in ``folder``, all older than its own."""
    from holdall_file.catalog import Catalog  # noqa: PLC0415 - no other backend has one
    from holdall_file.folder import Folder  # noqa: PLC0415

    place = Folder(folder, durable=False)
    catalog = Catalog(place, lambda: ())
    try:
        for start in range(0, count, _BATCH):
            catalog.add(_heads(start, min(start + _BATCH, count)))
    finally:
        catalog.close()
        place.close()


def _heads(start: int, stop: int) -> Iterator[Head]:
    for number in range(start, stop):
        owner = f"owner-{number % OWNERS}"
        names = (RECENT, hashed("owner", owner), hashed("owner+status", owner, "active"))
        marks = {**dict.fromkeys(names, number + 1), BYTES: 1000}
        yield Head(f"session/{number:032d}", number + 1, number + 1, marks=marks)
