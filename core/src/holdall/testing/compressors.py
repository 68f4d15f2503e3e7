"""``CompressorTests``: what every compressor must keep.

from holdall.testing import CompressorTests

class TestSqueeze(CompressorTests):
    plugin = "squeeze"
"""

from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.codecs import Compressor, Learning
from holdall.errors import CodecError
from holdall.testing.case import verifies
from holdall.testing.elsewhere import read_elsewhere
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests
from holdall.testing.samples import noise, records

__all__ = ["CompressorTests", "Open", "opened"]

Open = Callable[[], Compressor]
LIMIT = 64 << 20
ROOM = 16 << 20
"""Bytes that a refused record may take besides its limit."""
BOMB = 64 << 20
THREADS = 4
MOST_DICTIONARY = 1 << 20


def opened(found: Tested, options: Mapping[str, Any]) -> Compressor:
    """The compressor, opened as the core does it."""
    return found.offer.open(options_for(found, options))


def same(compressor: Compressor, data: bytes) -> None:
    """``data`` comes back as it was."""
    small = compressor.compress(data)
    assert type(small) is bytes, f"compress gave {type(small).__name__}, not bytes"
    back = compressor.decompress(small, max(len(data), 1))
    assert type(back) is bytes, f"decompress gave {type(back).__name__}, not bytes"
    assert back == data, f"{len(data):,} bytes came back as {len(back):,} others"


def learning(compressor: Compressor) -> Learning:
    """The compressor, if it makes dictionaries; otherwise the test is skipped."""
    if not isinstance(compressor, Learning):
        pytest.skip("it makes no dictionaries")
    return compressor


class CompressorTests(OfferTests):
    """Holds the compressor named ``plugin`` to what the record pipeline relies on.

    One that needs options overrides the fixture ``options``.
    """

    kind = "compressor"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> Open:
        """Opens the compressor, each time anew."""
        return lambda: opened(tested, options)

    def test_the_tag(self, tested: Tested) -> None:
        """By the offer, "``tag`` is written into each record": a byte, and 0 stands for none."""
        assert 0 < tested.offer.tag < 256, f"the tag {tested.offer.tag} is not from 1 to 255"

    @verifies("round_trip")
    def test_records_come_back(self, opens: Open) -> None:
        """They are "the bytes again": messages, the empty record, and sizes around every usual buffer."""
        compressor = opens()
        for data in (b"", b"\0", b"{}", *records(40), *(b"ab" * size for size in (127, 128, 16384, 32768, 1 << 19))):
            same(compressor, data)

    @verifies("round_trip")
    def test_any_bytes_come_back(self, opens: Open) -> None:
        """They are "the bytes again", whichever they are."""
        compressor = opens()

        @settings(max_examples=100, deadline=None, database=None, derandomize=True)
        @given(
            st.one_of(st.binary(max_size=300), st.builds(bytes.__mul__, st.binary(max_size=9), st.integers(0, 5000)))
        )
        def any_bytes(data: bytes) -> None:
            same(compressor, data)

        any_bytes()

    @verifies("round_trip")
    def test_what_cannot_be_made_smaller_comes_back(self, opens: Open) -> None:
        """They are "the bytes again", also of bytes that grow: the pipeline then stores them as they are."""
        compressor = opens()
        for size in (1, 100, 4096, 65536, 1 << 20):
            same(compressor, noise(size))

    @verifies("smaller")
    def test_what_repeats_becomes_smaller(self, opens: Open) -> None:
        """``compress`` gives "``data``, smaller": a record that says one thing a thousand times takes a tenth."""
        data = records(1)[0] * 1000
        small = len(opens().compress(data))
        assert small * 10 < len(data), f"{len(data):,} bytes became {small:,}"

    @verifies("bounded")
    def test_a_bomb_is_refused(self, opens: Open) -> None:
        """``decompress`` raises ``CodecError`` "before holding more than ``limit``" bytes, and 16 MiB of its own."""
        compressor = opens()
        for filling in (b"\0", b"a record that repeats"):
            bomb = compressor.compress(filling * (BOMB // len(filling)))
            for limit in (1 << 10, 1 << 20):
                tracemalloc.start()
                try:
                    with pytest.raises(CodecError):
                        compressor.decompress(bomb, limit)
                    peak = tracemalloc.get_traced_memory()[1]
                finally:
                    tracemalloc.stop()
                assert peak <= limit + ROOM, f"{peak:,} bytes were held, at a limit of {limit:,}"

    @verifies("bounded")
    def test_the_limit_is_exact(self, opens: Open) -> None:
        """A record of exactly ``limit`` bytes is read; one byte more is a ``CodecError``, never a part of it."""
        compressor = opens()
        for size in (1, 100, 65536, 300_001):
            small = compressor.compress(b"x" * size)
            assert compressor.decompress(small, size) == b"x" * size
            with pytest.raises(CodecError):
                compressor.decompress(small, size - 1)

    @verifies("whole")
    def test_what_is_cut_short_is_refused(self, opens: Open) -> None:
        """A record that lost its end is refused with an error: never a part of it, as if that were all."""
        compressor = opens()
        for data in (records(1)[0], b"ab" * 5000):
            small = compressor.compress(data)
            for stop in {*range(min(len(small), 40)), *range(max(len(small) - 40, 0), len(small))}:
                with pytest.raises(Exception):  # noqa: B017, PT011 - the pipeline makes a CodecError of any
                    compressor.decompress(small[:stop], LIMIT)

    @verifies("whole")
    def test_what_it_never_wrote_is_refused(self, opens: Open) -> None:
        """Bytes that are nobody's are refused with an error."""
        compressor = opens()
        for data in (b"\xff" * 64, b"{}", noise(500)):
            with pytest.raises(Exception):  # noqa: B017, PT011 - as above
                compressor.decompress(data, LIMIT)

    @verifies("threads")
    def test_threads_do_not_meet(self, opens: Open) -> None:
        """One compressor serves every thread of a process, without a lock around it."""
        compressor = opens()
        work = records(60)

        def there_and_back(data: bytes) -> bool:
            return compressor.decompress(compressor.compress(data), LIMIT) == data

        with ThreadPoolExecutor(THREADS) as pool:
            assert all(pool.map(there_and_back, work * 5))

    @verifies("anywhere")
    def test_another_process_reads_it(self, opens: Open, tested: Tested, options: Mapping[str, Any]) -> None:
        """What is stored outlives the process: another one, with the same options, reads it."""
        data = [b"", *records(20)]
        compressor = opens()
        told = [{"data": base64.b64encode(compressor.compress(each)).decode(), "limit": LIMIT} for each in data]
        assert read_elsewhere(tested, options, told) == data

    @verifies("dictionary")
    def test_a_dictionary_is_of_use(self, opens: Open) -> None:
        """Of one that is ``Learning``: with its dictionary records take less, and any opening reads them by it."""
        first, second = learning(opens()), learning(opens())
        seen = records(400)
        dictionary = first.learn(seen)
        assert type(dictionary) is bytes
        assert len(dictionary) <= MOST_DICTIONARY, f"a dictionary of {len(dictionary):,} bytes"
        writer, reader, plain = first.knowing(dictionary), second.knowing(dictionary), opens()
        data = records(60, seed=2)
        small = [writer.compress(each) for each in data]
        assert [reader.decompress(each, LIMIT) for each in small] == data
        taken, without = sum(map(len, small)), sum(len(plain.compress(each)) for each in data)
        assert taken < without, f"{taken:,} bytes with a dictionary, {without:,} without"

    @verifies("dictionary")
    def test_too_few_records_make_no_dictionary(self, opens: Open) -> None:
        """Of one that is ``Learning``: ``learn`` raises ``ValueError`` when the records are too few."""
        with pytest.raises(ValueError):  # noqa: PT011 - of any kind
            learning(opens()).learn([])
