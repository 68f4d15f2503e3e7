"""Records compressed by zlib: the standard library only, for where nothing else may be installed."""

from __future__ import annotations

import zlib

from holdall.errors import CodecError
from holdall.hooks import CompressorOffer, hookimpl
from holdall_zlib.settings import ZlibSettings

__all__ = ["ZlibCompressor", "holdall_compressors"]

_RAW = -15
"""Deflate without zlib's own header and checksum: the storage has better ones."""


class ZlibCompressor:
    """One deflate stream per record."""

    def __init__(self, level: int = 6) -> None:
        self._level = level

    def compress(self, data: bytes) -> bytes:
        """``data`` as a deflate stream."""
        return zlib.compress(data, self._level, wbits=_RAW)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again; raises ``CodecError`` where they would be more than ``limit``, or not a whole stream."""
        stream = zlib.decompressobj(wbits=_RAW)
        try:
            found = stream.decompress(data, limit + 1)
        except zlib.error as error:
            raise CodecError("a zlib record", f"it cannot be decompressed: {error}") from error
        if len(found) > limit:
            raise CodecError("a zlib record", f"it decompresses to more than {limit:,} bytes")
        if not stream.eof or stream.unused_data:
            raise CodecError("a zlib record", "it does not end where its stream does")
        return found


@hookimpl
def holdall_compressors() -> list[CompressorOffer[ZlibSettings]]:
    """Register ``zlib``."""
    about = "zlib", "deflate, from the standard library", 1, ZlibSettings
    return [CompressorOffer(*about, lambda settings: ZlibCompressor(settings.level), contract=1)]
