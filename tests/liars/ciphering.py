"""Ciphers that lie, as a single-file plugin, and an honest one."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import time

from holdall.hooks import CipherOffer, NoSettings, hookimpl

CIPHERS = []
TAG = 9


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
def holdall_ciphers():
    return CIPHERS


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
