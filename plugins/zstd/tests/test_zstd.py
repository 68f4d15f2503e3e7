"""What is Zstandard's own: dictionaries, and frames that are judged before they are read."""

from __future__ import annotations

import contextlib
import json
import random
import threading

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.codecs import Codec
from holdall.codecs.dictionaries import id_of
from holdall.errors import CodecError
from holdall_zstd import ZstdCompressor
from holdall_zstd.settings import ZstdSettings

LIMIT = 1 << 20
WHERE = ("session/x", ("messages/main", 5))


def messages(count: int, seed: int = 7) -> list[bytes]:
    """Messages that have much in common, as those of a store do."""
    chance = random.Random(seed)
    words = [f"{chance.choice('bcdfgklmnprst')}{chance.choice('aeiou')}{number:x}" for number in range(400)]
    return [
        json.dumps({
            "id": f"msg_main_{at:010d}", "role": chance.choice(("user", "assistant", "tool")),
            "content": " ".join(chance.choices(words, k=chance.randrange(8, 60))), "created_at": 1_700_000_000_000 + at,
        }).encode()
        for at in range(count)
    ]  # fmt: skip


LEARNED = ZstdCompressor(ZstdSettings(dictionary_bytes=8192)).learn(messages(2000))
KNOWING = ZstdCompressor().knowing(LEARNED)


@pytest.mark.covers("OP-11")
def test_a_dictionary_makes_short_records_much_smaller():
    others = messages(200, seed=8)
    plain = sum(len(ZstdCompressor().compress(each)) for each in others)
    known = sum(len(KNOWING.compress(each)) for each in others)
    assert len(LEARNED) <= 8192
    assert known < plain * 0.75
    assert [KNOWING.decompress(KNOWING.compress(each), LIMIT) for each in others] == others


@given(st.binary(max_size=2000), st.integers(1, 19))
@settings(max_examples=60)
def test_any_record_comes_back_with_a_dictionary_at_any_level(data, level):
    compressor = ZstdCompressor(ZstdSettings(level=level), LEARNED)
    assert KNOWING.decompress(compressor.compress(data), LIMIT) == data


@given(st.binary(max_size=300), st.sampled_from([ZstdCompressor(), KNOWING]))
def test_bytes_that_nobody_wrote_are_read_or_refused(data, compressor):
    with contextlib.suppress(CodecError):
        assert len(compressor.decompress(data, 1000)) <= 1000


@given(st.integers(0, 199), st.data())
def test_a_changed_frame_is_another_record_or_refused(at, data):
    """It has no checksum of its own, for the storage has one: what it must never do is anything but answer."""
    frame = bytearray(KNOWING.compress(messages(200)[at]))
    position = data.draw(st.integers(0, len(frame) - 1))
    frame[position] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(CodecError):
        assert len(KNOWING.decompress(bytes(frame), LIMIT)) <= LIMIT


def test_with_another_dictionary_or_none_it_is_refused_or_another_record():
    other = ZstdCompressor(ZstdSettings(dictionary_bytes=4096)).learn(messages(2000, seed=3))
    assert id_of(other) != id_of(LEARNED)
    record = messages(1)[0]
    frame = KNOWING.compress(record)
    for reader in (ZstdCompressor(), ZstdCompressor().knowing(other)):
        with contextlib.suppress(CodecError):
            assert reader.decompress(frame, LIMIT) != record


def test_too_few_records_teach_nothing():
    with pytest.raises(ValueError, match="no dictionary can be made of 1 records"):
        ZstdCompressor().learn([b"x"])


def test_what_is_no_dictionary_is_refused():
    broken = zstandard.train_dictionary(2048, messages(500)).as_bytes()
    with pytest.raises(CodecError, match="a zstd dictionary"):
        ZstdCompressor().knowing(broken[:8] + b"\xff" * 40).compress(b"x")


def test_noise_stays_as_it_is():
    codec = Codec(compressor=2, compressors={2: ZstdCompressor()})
    noise = b'"' + random.Random(1).randbytes(3000).hex().encode()[:3000] + b'"'
    assert len(codec.encode(*WHERE, 1, noise)) < len(noise) * 0.6  # hexadecimal digits are half of nothing
    packed = b"\x20" + random.Random(1).randbytes(3000)
    assert codec.encode(*WHERE, 1, packed) is packed


def test_threads_share_a_dictionary():
    records, wrong = messages(300), []

    def work() -> None:
        wrong.extend(each for each in records * 3 if KNOWING.decompress(KNOWING.compress(each), LIMIT) != each)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
