"""Records that claim or become more than they may: refused before there is room made for them."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import pytest
import zstandard

LIMIT = 1 << 20
ROOM = 16 << 20
LARGE = 128 << 20
MAGIC = struct.pack("<I", zstandard.MAGIC_NUMBER)
CHILD = f"""
import json, sys, time
from holdall.codecs import Codec, Envelope
from holdall.errors import CodecError
from holdall_zstd import ZstdCompressor

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

record = Envelope(2).pack(sys.stdin.buffer.read())
codec = Codec(compressors={{2: ZstdCompressor()}}, limit={LIMIT})
codec.decode("session/x", ("messages/main", 0), Envelope(2).pack(ZstdCompressor().compress(b"x" * {LIMIT})))
before, started = peak(), time.process_time()
try:
    found = len(codec.decode("session/x", ("messages/main", 5), record))
except CodecError as error:
    found = str(error)
json.dump([found, peak() - before, time.process_time() - started], sys.stdout)
"""


def zeros(*, size: bool) -> bytes:
    """A frame of 128 MiB of zeros, whose header says so or says nothing."""
    tool = zstandard.ZstdCompressor(level=3, write_content_size=size).compressobj(size=LARGE if size else -1)
    piece = bytes(1 << 20)
    return b"".join(tool.compress(piece) for _ in range(LARGE >> 20)) + tool.flush()


def lying() -> bytes:
    """Zeros behind a header that says that they are 100 bytes: single segment, one byte of size."""
    frame = zeros(size=False)
    blocks = frame[zstandard.frame_header_size(frame) :]
    return MAGIC + bytes((0x20, 100)) + blocks


def window() -> bytes:
    """A few bytes in a frame that asks for a window of 2 GiB, with and without the content's size."""
    return MAGIC + bytes((0x80, (31 - 10) << 3)) + struct.pack("<I", 5) + bytes((0x29, 0, 0)) + b"small"


def frames() -> bytes:
    """A harmless frame, and behind it, and behind what is to be skipped, the zeros."""
    harmless = zstandard.ZstdCompressor().compress(b'{"role":"user"}')
    return harmless + struct.pack("<II", 0x184D2A50, 4) + b"skip" + zeros(size=True)


def nested() -> bytes:
    """Zeros in a frame in a frame: only the outer one is anybody's business here."""
    return zstandard.ZstdCompressor().compress(zeros(size=True))


BOMBS = {
    "declared": (zeros(size=True), "more than 1,048,576 bytes"),
    "undeclared": (zeros(size=False), "does not say how long"),
    "lying": (lying(), "cannot be decompressed"),
    "window": (window(), "more than 1,048,576 bytes"),
    "frames": (frames(), "cannot be decompressed"),
}


def decoded(record: bytes) -> tuple[object, int, float]:
    done = subprocess.run([sys.executable, "-c", CHILD], input=record, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.covers("OP-11")
@pytest.mark.req("SEC-INP-04")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_and_takes_no_room(kind):
    bomb, words = BOMBS[kind]
    assert len(bomb) < 200_000
    said, took, seconds = decoded(bomb)
    assert "session/x messages/main[5] cannot be read" in str(said)
    assert words in str(said)
    assert took <= LIMIT + ROOM
    assert seconds < 0.1


@pytest.mark.req("SEC-INP-04")
def test_what_is_in_a_record_is_not_unpacked_further():
    said, took, _ = decoded(nested())
    assert said == len(zeros(size=True))
    assert took <= LIMIT + ROOM


def test_the_bombs_are_what_they_say():
    """The control: without the look at the header, the library makes room for all of it."""
    frame = zeros(size=True)
    assert zstandard.get_frame_parameters(frame).content_size == LARGE
    assert zstandard.get_frame_parameters(window()).window_size == 1 << 31
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(zeros(size=False))
    stream = zstandard.ZstdDecompressor().stream_reader(zeros(size=False))
    assert len(stream.read(2 * LIMIT)) == 2 * LIMIT
    child = CHILD.replace(
        'codec.decode("session/x", ("messages/main", 5), record)',
        "__import__('zstandard').ZstdDecompressor().decompress(record[4:], max_output_size=1000)",
    )
    done = subprocess.run([sys.executable, "-c", child], input=frame, capture_output=True, timeout=60)
    found, took, _ = json.loads(done.stdout)
    assert found == LARGE
    assert took > LIMIT + ROOM
