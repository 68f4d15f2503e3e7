"""A compressor that takes dictionaries, with the standard library only, for want of a plugin that must be there."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

from holdall.errors import CodecError

__all__ = ["LearningZlib"]

TAG = 77


class LearningZlib:
    """zlib with a preset dictionary; what it learns is what its samples say most often."""

    def __init__(self, dictionary: bytes = b"") -> None:
        self._dictionary = dictionary

    def compress(self, data: bytes) -> bytes:
        tool = zlib.compressobj(wbits=-15, zdict=self._dictionary) if self._dictionary else zlib.compressobj(wbits=-15)
        return tool.compress(data) + tool.flush()

    def decompress(self, data: bytes, limit: int) -> bytes:
        tool = (
            zlib.decompressobj(wbits=-15, zdict=self._dictionary) if self._dictionary else zlib.decompressobj(wbits=-15)
        )
        found = tool.decompress(data, limit + 1)
        if len(found) > limit or not tool.eof:
            raise CodecError("a record", "it is too large")
        return found

    def learn(self, samples: Sequence[bytes]) -> bytes:
        if len(samples) < 8:
            raise ValueError(f"{len(samples)} records are too few")
        words = Counter(word for sample in samples for word in sample.split(b'"'))
        return b'"'.join(word for word, _ in reversed(words.most_common(400)))[-8000:]

    def knowing(self, dictionary: bytes) -> LearningZlib:
        return LearningZlib(dictionary)
