"""Compressors, ciphers and cache policies that lie, as one single-file plugin, and an honest one of each kind."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import time
import zlib
from collections import OrderedDict
from typing import ClassVar

from holdall.caching import LeastRecentlyUsed
from holdall.errors import CodecError
from holdall.hooks import CachePolicyOffer, CipherOffer, CompressorOffer, NoSettings, hookimpl

COMPRESSORS, CIPHERS, POLICIES = [], [], []
TAG = 9


def compressor(*caught_by, tag=TAG):
    """Offer the class as a compressor; each test of ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        COMPRESSORS.append(CompressorOffer(kind.__name__, kind.__doc__, tag, NoSettings, lambda _: kind()))
        return kind

    return offer


def policy(*caught_by):
    """Offer the class as a cache policy; each test of ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        POLICIES.append(CachePolicyOffer(kind.__name__, kind.__doc__, NoSettings, lambda _: kind()))
        return kind

    return offer


class Unkeyed:
    """A cipher without a key."""

    def __init__(self, kind):
        self.kind, self.writes = kind, kind.writes

    def keyed(self, key):
        return self.kind(key)


def cipher(*caught_by, tag=TAG):
    """Offer the class as a cipher; each test of ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        CIPHERS.append(CipherOffer(kind.__name__, kind.__doc__, tag, NoSettings, lambda _: Unkeyed(kind)))
        return kind

    return offer


@hookimpl
def holdall_compressors():
    return COMPRESSORS


@hookimpl
def holdall_ciphers():
    return CIPHERS


@hookimpl
def holdall_cache_policies():
    return POLICIES


# --- compressors ---------------------------------------------------------------------------------------------------


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


# --- ciphers -------------------------------------------------------------------------------------------------------


def stream(key, nonce, size):
    return hashlib.shake_256(key + nonce).digest(size)


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@cipher()
class HonestSeal:
    """A keystream of SHAKE-256 under a random nonce, and a MAC over the context: good enough to test a test."""

    writes = 1 << 40

    def __init__(self, key):
        self.key = key

    def nonce(self, context):
        return secrets.token_bytes(16)

    def mac(self, body, context):
        return hmac.digest(self.key, len(context).to_bytes(8, "big") + context + body, "sha256")

    def encrypt(self, data, context):
        nonce = self.nonce(context)
        body = nonce + xor(data, stream(self.key, nonce, len(data)))
        return self.mac(body, context) + body

    def decrypt(self, data, context):
        mac, body = data[:32], data[32:]
        if not hmac.compare_digest(mac, self.mac(body, context)):
            raise ValueError("it fails its check")
        return xor(body[16:], stream(self.key, body[:16], len(body) - 16))


@cipher("test_the_tag", tag=0)
class NoTag(HonestSeal):
    """Has the tag that stands for no cipher."""


@cipher("test_records_come_back")
class EmptyFails(HonestSeal):
    """Cannot encrypt nothing."""

    def encrypt(self, data, context):
        return super().encrypt(data or b"\0", context)


@cipher("test_how_much_one_key_may_encrypt")
class SoonTired(HonestSeal):
    """Wants another key every thousand records."""

    writes = 1_000


@cipher("test_the_key_is_not_told")
class TellsItsKey(HonestSeal):
    """Says what key it tried."""

    def decrypt(self, data, context):
        try:
            return super().decrypt(data, context)
        except ValueError:
            raise ValueError(f"the key {self.key.hex()} does not fit") from None


@cipher("test_nothing_of_the_plaintext_is_seen")
class OnlySigns(HonestSeal):
    """Signs, and encrypts nothing."""

    def nonce(self, context):
        return bytes(16)

    def encrypt(self, data, context):
        return self.mac(data, context) + data

    def decrypt(self, data, context):
        sealed = super().decrypt(data, context)
        return data[32:] if sealed is not None else data


@cipher("test_nothing_of_the_plaintext_is_seen")
class CodeBook(HonestSeal):
    """Encrypts each block by itself, so that what repeats is seen to repeat."""

    def crypt(self, data):
        return b"".join(
            xor(data[at : at + 16], stream(self.key, b"", len(data[at : at + 16]))) for at in range(0, len(data), 16)
        )

    def encrypt(self, data, context):
        body = secrets.token_bytes(16) + self.crypt(data)
        return self.mac(body, context) + body

    def decrypt(self, data, context):
        super().decrypt(data, context)
        return self.crypt(data[48:])


@cipher("test_a_changed_record_is_refused")
class Unsigned(HonestSeal):
    """Decrypts whatever it is given."""

    def decrypt(self, data, context):
        body = data[32:]
        return xor(body[16:], stream(self.key, body[:16], max(len(body) - 16, 0)))


@cipher("test_a_record_is_read_in_its_place_only", "test_two_records_cannot_be_swapped")
class Unbound(HonestSeal):
    """Takes a record wherever it stands."""

    def mac(self, body, context):
        return super().mac(body, b"")


@cipher("test_two_records_cannot_be_swapped", "test_a_record_is_read_in_its_place_only")
class BoundToTheSession(HonestSeal):
    """Binds a record to its session, not to its place in it."""

    def mac(self, body, context):
        return super().mac(body, context[:30])


@cipher("test_another_key_does_not_open_it")
class OneKeyForAll(HonestSeal):
    """Has the same key, whatever it is told."""

    def __init__(self, key):
        super().__init__(bytes(32))


@cipher("test_another_key_does_not_open_it")
class HalfAKey(HonestSeal):
    """Uses half of the key."""

    def __init__(self, key):
        super().__init__(key[:16])


@cipher("test_no_nonce_is_used_twice", "test_no_keystream_is_used_twice")
class CountsFromZero(HonestSeal):
    """Counts its nonces, from zero whenever it is opened."""

    def __init__(self, key):
        super().__init__(key)
        self.count = itertools.count()

    def nonce(self, context):
        return next(self.count).to_bytes(16, "big")


@cipher("test_no_nonce_is_used_twice")
class NonceOfThePlace(HonestSeal):
    """Makes the nonce of the record's place."""

    def nonce(self, context):
        return hashlib.sha256(context).digest()[:16]


@cipher("test_threads_do_not_meet")
class OneDeskToo(HonestSeal):
    """Puts down what it works on where another thread puts down its own."""

    def encrypt(self, data, context):
        self.desk = data, context
        time.sleep(0.0001)
        return super().encrypt(*self.desk)


@cipher("test_another_process_reads_it")
class KeyOfTheProcess(HonestSeal):
    """Makes a key of its own when it is imported, and keeps it nowhere."""

    own = secrets.token_bytes(32)

    def __init__(self, key):
        super().__init__(key)
        self.key = hashlib.sha256(self.own + self.key).digest()


# --- cache policies ------------------------------------------------------------------------------------------------


@policy()
class HonestRecent(LeastRecentlyUsed):
    """Keeps everything."""


@policy("test_it_gives_up_what_it_holds", "test_what_was_removed_is_never_given_up")
class NeverForgets(LeastRecentlyUsed):
    """Gives up keys that were removed long ago."""

    def forget(self, key):
        pass


@policy("test_it_gives_up_what_it_holds")
class HoldsWhatItRefuses(LeastRecentlyUsed):
    """Refuses a key, and gives it up later all the same."""

    def admit(self, key, size):
        return super().admit(key, size) and size < 100


@policy("test_what_was_removed_is_never_given_up")
class HoldsTwice:
    """Has a key that came in again twice."""

    def __init__(self):
        self.keys, self.gone = [], set()

    def admit(self, key, size):
        self.keys.append(key)
        self.gone.discard(key)
        return True

    def touch(self, key):
        pass

    def evict(self):
        while (key := self.keys.pop(0)) in self.gone:
            pass
        return key

    def forget(self, key):
        self.gone.add(key)


@policy("test_a_cache_stays_within_its_bytes")
class ShedsWhatItKeeps(LeastRecentlyUsed):
    """Sheds a key, and gives it up once more."""

    def shed(self):
        return [next(iter(self._keys))] if len(self._keys) > 3 else []


@policy("test_it_remembers_a_bounded_number")
class RemembersEverybody(LeastRecentlyUsed):
    """Keeps how often each key was asked for, for ever."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def admit(self, key, size):
        self.counts[key] = self.counts.get(key, 0) + 1
        return super().admit(key, size)


@policy("test_the_same_calls_have_the_same_answers")
class ByChance(LeastRecentlyUsed):
    """Gives up anything."""

    def evict(self):
        key = secrets.choice(list(self._keys))
        del self._keys[key]
        return key


@policy("test_the_same_calls_have_the_same_answers")
class OneForAll(LeastRecentlyUsed):
    """Shares what it learns with every other cache."""

    seen: ClassVar = OrderedDict()

    def admit(self, key, size):
        self.seen[key] = self.seen.get(key, 0) + 1
        return self.seen[key] % 7 != 0 and super().admit(key, size)


@policy("test_something_is_kept")
class LetsNobodyIn(LeastRecentlyUsed):
    """Admits nothing."""

    def admit(self, key, size):
        return False
