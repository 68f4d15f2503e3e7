"""What a folder has of bytes, in whatever form: the evidence that something is, or is not, there any more."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from holdall.codecs import Codec
from holdall.contract import ISessionStorage, Scan, Span

__all__ = ["bytes_in", "contents", "live", "pieces_of", "records_with"]

_PIECE, _MOST = 20, 300
"""So many bytes are nowhere by chance; and so many of them are looked for."""


async def records_with(
    below: ISessionStorage, above: ISessionStorage, codec: Codec, mark: bytes
) -> dict[tuple[str, str, int], bytes]:
    """Every record of any partition that says ``mark``, as it lies in the storage ``below`` compression and encryption."""
    found: dict[tuple[str, str, int], bytes] = {}
    for one in await above.scan(Scan(limit=10_000)):
        spans = [Span(lane) for lane in one.head.lanes]
        read = await above.load(one.head.partition, *spans)
        lying = await below.load(one.head.partition, *spans)
        assert read is not None
        assert lying is not None
        for (lane, at), record in read.records.items():
            if mark in codec.decode(one.head.partition, (lane, at), record):
                found[one.head.partition, lane, at] = lying.records[lane, at]
    return found


def pieces_of(records: Iterable[bytes]) -> set[bytes]:
    """Pieces of records as files may have them: plain, escaped, as base64, or cut by the page of a database."""
    found: set[bytes] = set()
    for record in records:
        for form in (record, base64.b64encode(record)):
            for run in form.replace(b"\n", b"\x1b").split(b"\x1b"):
                found |= {run[at : at + _PIECE] for at in range(0, len(run) - _PIECE, _PIECE)}
    ordered = sorted(found)
    return set(ordered[:: len(ordered) // _MOST + 1])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bytes_in(folder: Path, pieces: Iterable[bytes]) -> list[str]:
    """The files that have any of ``pieces``."""
    wanted = list(pieces)
    return sorted(name for name, data in contents(folder).items() if any(piece in data for piece in wanted))


async def live(below: ISessionStorage) -> bytes:
    """All that a storage has now, in both forms: pieces that are in that say nothing of before."""
    found: list[bytes] = []
    for one in await below.scan(Scan(limit=10_000)):
        read = await below.load(one.head.partition, *(Span(lane) for lane in one.head.lanes))
        found += [] if read is None else read.records.values()
    return b"\n".join([*found, *map(base64.b64encode, found)])
