"""Compressors that lie, as a single-file plugin, and honest ones."""

from __future__ import annotations

import time
import zlib
from typing import ClassVar

from holdall.errors import CodecError
from holdall.hooks import CompressorOffer, NoSettings, hookimpl

COMPRESSORS = []
TAG = 9


def compressor(*caught_by, tag=TAG):
    """Offer the class as a compressor; each test of ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        COMPRESSORS.append(CompressorOffer(kind.__name__, kind.__doc__, tag, NoSettings, lambda _: kind()))
        return kind

    return offer


@hookimpl
def holdall_compressors():
    return COMPRESSORS


@compressor()
class HonestZlib:
    """Keeps everything."""

    def compress(self, data):
        return zlib.compress(data, 1)

    def decompress(self, data, limit):
        worker = zlib.decompressobj()
        try:
            found = worker.decompress(data, limit + 1)
        except zlib.error as error:
            raise CodecError("a record", str(error)) from error
        if len(found) > limit:
            raise CodecError("a record", "it is too large")
        if not worker.eof:
            raise CodecError("a record", "it is cut short")
        return found


@compressor("test_the_tag", tag=256)
class TagTooLarge(HonestZlib):
    """Has a tag that no byte holds."""


@compressor("test_records_come_back")
class EmptyIsNothing(HonestZlib):
    """Takes an empty record for none."""

    def decompress(self, data, limit):
        return super().decompress(data, limit) or b"null"


@compressor("test_records_come_back")
class AlmostBytes(HonestZlib):
    """Gives what is only nearly bytes."""

    def decompress(self, data, limit):
        return bytearray(super().decompress(data, limit))


@compressor("test_any_bytes_come_back")
class Stripping(HonestZlib):
    """Thinks that records are text, whose white space does not matter."""

    def compress(self, data):
        return super().compress(data.rstrip(b"\r\n\t "))


@compressor("test_what_cannot_be_made_smaller_comes_back")
class RefusesNoise(HonestZlib):
    """Gives up on what it cannot make smaller."""

    def compress(self, data):
        small = super().compress(data)
        if len(small) > len(data) + 10:
            raise ValueError("it does not become smaller")
        return small


@compressor("test_what_repeats_becomes_smaller")
class Storing(HonestZlib):
    """Stores what it should compress."""

    def compress(self, data):
        return zlib.compress(data, 0)


@compressor("test_a_bomb_is_refused")
class LooksAfterwards(HonestZlib):
    """Compares with the limit when everything is in memory."""

    def decompress(self, data, limit):
        found = zlib.decompress(data)
        if len(found) > limit:
            raise CodecError("a record", "it is too large")
        return found


@compressor("test_the_limit_is_exact", "test_a_bomb_is_refused")
class CutsToTheLimit(HonestZlib):
    """Gives as much as the limit allows, as if that were all."""

    def decompress(self, data, limit):
        return zlib.decompressobj().decompress(data, limit)


@compressor("test_what_is_cut_short_is_refused")
class ReadsWhatIsThere(HonestZlib):
    """Takes what it finds of a torn record for the whole of it."""

    def decompress(self, data, limit):
        found = zlib.decompressobj().decompress(data, limit + 1)
        if len(found) > limit:
            raise CodecError("a record", "it is too large")
        return found


@compressor("test_what_it_never_wrote_is_refused")
class TakesItAsItIs(HonestZlib):
    """Gives back, as it is, what it does not understand."""

    def decompress(self, data, limit):
        try:
            return super().decompress(data, limit)
        except CodecError:
            if data[:1] == b"x":
                raise
            return data


@compressor("test_threads_do_not_meet")
class OneDesk(HonestZlib):
    """Puts down what it works on where another thread puts down its own."""

    def compress(self, data):
        self.desk = data
        time.sleep(0.0001)
        return super().compress(self.desk)


@compressor("test_another_process_reads_it")
class Remembers(HonestZlib):
    """Keeps the records in memory, and stores where they are."""

    kept: ClassVar = []

    def compress(self, data):
        self.kept.append(data)
        return super().compress(b"%d" % (len(self.kept) - 1)) if len(data) < 5_000 else super().compress(data)

    def decompress(self, data, limit):
        found = super().decompress(data, max(limit, 20))
        return self.kept[int(found)] if found.isdigit() else super().decompress(data, limit)


@compressor()
class HonestLearner(HonestZlib):
    """Keeps everything, and makes dictionaries."""

    def __init__(self, dictionary=b""):
        self.dictionary = dictionary

    def compress(self, data):
        worker = zlib.compressobj(zdict=self.dictionary) if self.dictionary else zlib.compressobj()
        return worker.compress(data) + worker.flush()

    def decompress(self, data, limit):
        worker = zlib.decompressobj(zdict=self.dictionary) if self.dictionary else zlib.decompressobj()
        try:
            found = worker.decompress(data, limit + 1)
        except zlib.error as error:
            raise CodecError("a record", str(error)) from error
        if len(found) > limit or not worker.eof:
            raise CodecError("a record", "it is too large, or cut short")
        return found

    def learn(self, samples):
        if not samples:
            raise ValueError("no records")
        return b"".join(sample[:200] for sample in samples)[:30_000]

    def knowing(self, dictionary):
        return HonestLearner(dictionary)


@compressor("test_a_dictionary_is_of_use")
class LearnsNothing(HonestLearner):
    """Makes a dictionary, and does not use it."""

    def knowing(self, dictionary):
        return HonestLearner()


@compressor("test_a_dictionary_is_of_use")
class KeepsItsDictionary(HonestLearner):
    """Has the dictionary in memory, and stores only what it is called."""

    def __init__(self):
        super().__init__()
        self.own = {}

    def learn(self, samples):
        self.own[b"mine"] = super().learn(samples)
        return b"mine"

    def knowing(self, dictionary):
        return HonestLearner(self.own.get(dictionary, dictionary))


@compressor("test_too_few_records_make_no_dictionary")
class LearnsFromNothing(HonestLearner):
    """Makes a dictionary of no records."""

    def learn(self, samples):
        return super().learn(samples or [b"{}"])
