"""Records that become more than they may: refused before there is room made for them."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib

import pytest

LIMIT = 1 << 20
ROOM = 16 << 20
LARGE = 64 << 20
CHILD = f"""
import json, sys
from holdall.codecs import Codec, Envelope
from holdall.errors import CodecError
from holdall_zlib import ZlibCompressor

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

record = Envelope(1).pack(sys.stdin.buffer.read())
codec = Codec(compressors={{1: ZlibCompressor()}}, limit={LIMIT})
before = peak()
try:
    found = len(DECODE)
except CodecError as error:
    found = str(error)
json.dump([found, peak() - before], sys.stdout)
"""


def zeros() -> bytes:
    """64 MiB of zeros."""
    tool, piece = zlib.compressobj(wbits=-15), bytes(1 << 20)
    return b"".join(tool.compress(piece) for _ in range(LARGE >> 20)) + tool.flush()


def decoded(
    record: bytes, decode: str = 'codec.decode("session/x", ("messages/main", 5), record)'
) -> tuple[object, int]:
    child = CHILD.replace("DECODE", decode)
    done = subprocess.run([sys.executable, "-c", child], input=record, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.covers("OP-11")
@pytest.mark.req("SEC-INP-04")
def test_a_bomb_is_refused_and_takes_no_room():
    said, took = decoded(zeros())
    assert said == "session/x messages/main[5] cannot be read: it decompresses to more than 1,048,576 bytes"
    assert took <= LIMIT + ROOM


@pytest.mark.req("SEC-INP-04")
def test_a_second_stream_is_refused():
    tool = zlib.compressobj(wbits=-15)
    said, took = decoded(tool.compress(b"{}") + tool.flush() + zeros())
    assert "does not end where its stream does" in str(said)
    assert took <= LIMIT + ROOM


@pytest.mark.req("SEC-INP-04")
def test_what_is_in_a_record_is_not_unpacked_further():
    bomb = zeros()
    tool = zlib.compressobj(wbits=-15)
    assert decoded(tool.compress(bomb) + tool.flush())[0] == len(bomb)


def test_the_bomb_is_what_it_says():
    """The control: without a limit, it takes all the room there is."""
    found, took = decoded(zeros(), "__import__('zlib').decompress(record[4:], wbits=-15)")
    assert found == LARGE
    assert took > LIMIT + ROOM
