"""Records compressed by Zstandard, each a frame of its own, with dictionaries for what they have in common."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import zstandard

from holdall.errors import CodecError
from holdall.hooks import CompressorOffer, hookimpl
from holdall_zstd.settings import ZstdSettings

__all__ = ["ZstdCompressor", "holdall_compressors"]

_NAME = "a zstd record"
_UNKNOWN = zstandard.CONTENTSIZE_UNKNOWN
_LEAST_WINDOW = 1 << 10
_LEAST, _LESSONS = 1024, 32
"""A dictionary has at least so many bytes, and at most one for so many that it was trained on."""
_SAMPLE = 16 << 10
"""Bytes of a record that a dictionary is trained on: what records have in common stands at their beginnings."""


class _Tools(threading.local):
    """A compressor and a decompressor for each thread: the library's are not made for two at a time."""

    def __init__(self, level: int, shared: zstandard.ZstdCompressionDict | None) -> None:
        self.compress = zstandard.ZstdCompressor(
            level=level, dict_data=shared, write_content_size=True, write_dict_id=False
        ).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=shared).decompress


class ZstdCompressor:
    """One frame per record, which says how long its content is and keeps no checksum: the storage has its own."""

    def __init__(self, settings: ZstdSettings | None = None, dictionary: bytes | None = None) -> None:
        self._settings = settings or ZstdSettings()
        level = self._settings.level
        self._tools = _Tools(level, None if dictionary is None else _digested(dictionary, level))

    def compress(self, data: bytes) -> bytes:
        """``data`` as one frame."""
        return self._tools.compress(data)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again; raises ``CodecError`` unless it is one frame that says what it holds, at most ``limit``.

        The frame's header is judged first, for the library makes room for whatever that promises.
        """
        try:
            frame = zstandard.get_frame_parameters(data)
            if frame.content_size == _UNKNOWN:
                raise CodecError(_NAME, "it does not say how long its content is")
            if frame.content_size > limit or frame.window_size > max(limit, _LEAST_WINDOW):
                raise CodecError(_NAME, f"it decompresses to more than {limit:,} bytes")
            return self._tools.decompress(data, max_output_size=limit, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise CodecError(_NAME, f"it cannot be decompressed: {error}") from error

    def learn(self, samples: Sequence[bytes]) -> bytes:
        """A dictionary for data like ``samples``; raises ``ValueError`` when they are too few or too much alike."""
        lessons = [sample[:_SAMPLE] for sample in samples]
        size = min(self._settings.dictionary_bytes, max(sum(map(len, lessons)) // _LESSONS, _LEAST))
        try:
            return zstandard.train_dictionary(size, [*lessons], level=self._settings.level).as_bytes()
        except (zstandard.ZstdError, ValueError) as error:
            raise ValueError(f"no dictionary can be made of {len(samples):,} records: {error}") from error

    def knowing(self, dictionary: bytes) -> ZstdCompressor:
        """A compressor that uses ``dictionary``."""
        return ZstdCompressor(self._settings, dictionary)


def _digested(dictionary: bytes, level: int) -> zstandard.ZstdCompressionDict:
    """A dictionary, worked out once and not for each record."""
    try:
        shared = zstandard.ZstdCompressionDict(dictionary)
        shared.precompute_compress(level=level)  # pyright: ignore[reportUnknownMemberType] - its stub forgets the result
    except (zstandard.ZstdError, ValueError) as error:
        raise CodecError("a zstd dictionary", f"it is none: {error}") from error
    return shared


@hookimpl
def holdall_compressors() -> list[CompressorOffer[ZstdSettings]]:
    """Register ``zstd``."""
    about = "zstd", "Zstandard, with dictionaries trained on the store's own records", 2, ZstdSettings
    return [CompressorOffer(*about, ZstdCompressor, contract=1)]
