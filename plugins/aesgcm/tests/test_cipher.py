"""The format of what is encrypted, frozen; its padding; and two keys that fit one ciphertext.

Covers SE-10.
"""

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from holdall.errors import CodecError
from holdall.sealing.keys import DataKey, commitment, context
from holdall_aesgcm.cipher import AesGcm, CipherSettings, padded_length

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
PLAIN, PADDED = AesGcm(CipherSettings()), AesGcm(CipherSettings(padding=True))


@pytest.mark.req("SEC-CRY-08")
@pytest.mark.parametrize("cipher", [PLAIN, PADDED])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['format']}-{vector['place'][1]}")
def test_what_was_encrypted_once_is_read_for_ever(vector, cipher):
    """Tried with another context, another layout and without format 2: they are not read."""
    tag, key_id, partition, address, version = vector["place"]
    bound = context(tag, key_id, partition, tuple(address), version)
    assert bound.hex() == vector["context"]
    found = cipher.keyed(bytes.fromhex(vector["key"])).decrypt(base64.b64decode(vector["record"]), bound)
    assert found == base64.b64decode(vector["data"])


@pytest.mark.req("SEC-CRY-08")
def test_there_are_enough_vectors_of_each_format():
    for form in (1, 2):
        mine = [vector for vector in VECTORS if vector["format"] == form]
        assert len(mine) >= 20
        assert {base64.b64decode(vector["record"])[0] for vector in mine} == {form}


@pytest.mark.req("SEC-CRY-07")
@given(st.integers(1, 1 << 24))
def test_padding_costs_an_eighth_at_most(length):
    padded = padded_length(length)
    assert length <= padded <= max(length * 1.12, length + 1)
    assert padded_length(padded) == padded
    assert len({padded_length(each) for each in range(length, length + 100)}) <= 100


@pytest.mark.req("SEC-CRY-07")
@given(st.binary(max_size=300))
def test_what_was_padded_comes_back(data):
    record = PADDED.keyed(bytes(32)).encrypt(data, b"")
    assert PLAIN.keyed(bytes(32)).decrypt(record, b"") == data
    assert len(record) == 1 + 12 + padded_length(len(data) + 1) + 16


# --- SEC-CRY-04: a ciphertext that two keys fit --------------------------------------------------------------------


def times(x, y):
    """The product of two elements of GHASH's field."""
    product = 0
    for bit in range(127, -1, -1):
        if y >> bit & 1:
            product ^= x
        x = x >> 1 ^ (0xE1 << 120 if x & 1 else 0)
    return product


def inverse(x):
    result, square = 1 << 127, times(x, x)
    for _ in range(127):
        result, square = times(result, square), times(square, square)
    return result


def block(key, data):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return int.from_bytes(encryptor.update(data) + encryptor.finalize(), "big")


def parts(key, nonce, associated, words):
    """What of the tag does not depend on the second-last word, and by what that is multiplied."""
    h, tag = block(key, bytes(16)), 0
    padded = associated.ljust(-(-len(associated) // 16) * 16, b"\0")
    blocks = [int.from_bytes(padded[at : at + 16], "big") for at in range(0, len(padded), 16)]
    lengths = len(associated) * 8 << 64 | len(words) * 128
    for word in [*blocks, *words, lengths]:
        tag = times(tag ^ word, h)
    return tag ^ block(key, nonce + b"\0\0\0\x01"), times(h, h)


def for_two_keys(one, other, nonce, first, second):
    """A ciphertext, and a tag that is right under both keys: the first word free, the last one solved for."""
    word = int.from_bytes(os.urandom(16), "big")
    mine, by = parts(one, nonce, first, [word, 0])
    theirs, and_by = parts(other, nonce, second, [word, 0])
    last = times(mine ^ theirs, inverse(by ^ and_by))
    tag = mine ^ times(last, by)
    return b"".join(each.to_bytes(16, "big") for each in (word, last, tag))


@pytest.mark.req("SEC-CRY-04")
def test_a_ciphertext_that_two_keys_fit_is_read_with_its_own_only():
    """AES-GCM itself takes such a ciphertext under both: that is what makes the commitment in the key id needed.

    Tried with a key id that is not made of the key: the record is read with either.
    """
    one, other, nonce = os.urandom(32), os.urandom(32), os.urandom(12)
    place = ("session/x", ("messages/main", 0), 9)
    both = b"\x01" + context(1, commitment(one), *place)
    forged = for_two_keys(one, other, nonce, both, both)
    assert AESGCM(one).decrypt(nonce, forged, both) != AESGCM(other).decrypt(nonce, forged, both)
    envelope = bytes((1, 0, 1, 22)) + commitment(one).encode() + (9).to_bytes(8, "big")
    record = envelope + b"\x01" + nonce + forged
    assert DataKey("session/x", 1, PLAIN, one).decrypt(place[1], record)[0] == 9
    with pytest.raises(CodecError, match="it needs the data key"):
        DataKey("session/x", 1, PLAIN, other).decrypt(place[1], record)


@pytest.mark.req("SEC-CRY-04")
async def test_a_wrapped_key_that_is_another_is_refused():
    from holdall.sealing.wrapped import Wrapped  # noqa: PLC0415
    from holdall_aesgcm.ring import Ring  # noqa: PLC0415

    class Source:
        ring = Ring("11" * 32, "the test")

        async def wrap(self, key):
            return self.ring.wrap(key)

        async def unwrap(self, key_id, wrapped):
            return self.ring.unwrap(key_id, wrapped)

    true = await Wrapped.of(bytes(32), "session/x", 1, Source())
    other = await Wrapped.of(b"\1" * 32, "session/x", 1, Source())
    assert await true.unwrapped(Source()) == bytes(32)
    swapped = Wrapped("session/x", 1, true.id, other.by, other.wrapped)
    with pytest.raises(CodecError, match="another than its records were written with"):
        await swapped.unwrapped(Source())
