"""SUMMARY."""

from __future__ import annotations

import zlib
from typing import Annotated

from msgspec import Meta, Struct

from holdall import hookimpl
from holdall.errors import CodecError
from holdall.hooks import CompressorOffer

__all__ = ["MykindCompressor", "MykindSettings", "holdall_compressors"]

# CHANGE 1: a number from 128 to 255 that no other compressor of yours has. It is written into each record: for ever.
TAG = 200


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[compression.options]``."""

    # CHANGE 2: what your compressor can be told. What was written with other options must still be read.
    level: Annotated[int, Meta(ge=1, le=9)] = 6
    """How hard it tries."""


class MykindCompressor:
    """One stream for each record, by zlib until you change that. Any thread may call it."""

    def __init__(self, settings: MykindSettings) -> None:
        self._level = settings.level

    def compress(self, data: bytes) -> bytes:
        """``data``, smaller; where it is not, the core stores it as it is."""
        # CHANGE 3: compress.
        return zlib.compress(data, self._level)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again; raises ``CodecError`` before holding more than ``limit`` of them, and for half of them."""
        # CHANGE 4: decompress, and keep these three refusals.
        stream = zlib.decompressobj()
        try:
            found = stream.decompress(data, limit + 1)
        except zlib.error as error:
            raise CodecError("a record", f"it cannot be decompressed: {error}") from error
        if len(found) > limit:
            raise CodecError("a record", f"it decompresses to more than {limit:,} bytes")
        if not stream.eof:
            raise CodecError("a record", "it is cut short")
        return found


@hookimpl
def holdall_compressors() -> list[CompressorOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    return [
        CompressorOffer(
            "mykind",
            "SUMMARY",
            TAG,
            settings=MykindSettings,
            open=MykindCompressor,
            contract=1,
        )
    ]
