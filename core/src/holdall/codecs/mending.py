"""Making copies of dictionaries again that were lost, from the others."""

from __future__ import annotations

from holdall.clock import Clock
from holdall.codecs.dictionaries import DICTIONARY
from holdall.codecs.knowing import content_of, copy_of, dictionary_partitions, entries
from holdall.codecs.pipeline import Codec
from holdall.contract import ISessionStorage, Span
from holdall.errors import Damaged

__all__ = ["mend"]


async def mend(storage: ISessionStorage, codec: Codec, clock: Clock, *, apply: bool) -> tuple[list[str], list[str]]:
    """Store every lost copy again: what is, or would be, done, and what cannot be; a line each."""
    done: list[str] = []
    left: list[str] = []
    for name in sorted({bytes.fromhex(entry.id) for entry in await entries(storage, codec)}):
        content, lost = await _copies(storage, codec, name)
        if content is None:
            left.append(f"dictionary {name.hex()} is lost, both copies: what was compressed with it is unreadable")
            continue
        for partition in lost:
            done.append(f"{partition}: a copy of a dictionary is lost; it is made again from the other one")
            if apply:
                await _again(storage, clock, partition, content)
    return done, left


async def _copies(storage: ISessionStorage, codec: Codec, name: bytes) -> tuple[bytes | None, list[str]]:
    """The content of a dictionary, if a copy is whole, and where none is."""
    content: bytes | None = None
    lost: list[str] = []
    for partition in dictionary_partitions(name):
        try:
            snapshot = await storage.load(partition, Span(DICTIONARY, -1))
            if snapshot is None:
                lost.append(partition)
            else:
                content = content_of(snapshot, codec, name)
        except Damaged:
            lost.append(partition)
    return content, lost


async def _again(storage: ISessionStorage, clock: Clock, partition: str, content: bytes) -> None:
    """Store a copy in the place of one that cannot be read."""
    found = await storage.load(partition)
    expect = 0 if found is None else found.head.version
    version = max(clock.now(), expect + 1)
    await storage.commit(copy_of(partition, expect, version, content))
