"""``CipherTests``: what every cipher must keep.

from holdall.testing import CipherTests

class TestVault(CipherTests):
    plugin = "vault"
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.contract import Address
from holdall.sealing.keys import context
from holdall.sealing.kinds import Cipher, KeyedCipher
from holdall.testing.case import verifies
from holdall.testing.elsewhere import read_elsewhere
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests
from holdall.testing.samples import noise, records

__all__ = ["CipherTests", "OpenCipher", "Sealed", "opened"]

OpenCipher = Callable[..., KeyedCipher]
KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
MANY = 2_000
HEADER = 64
"""Bytes in front that may be the same in every ciphertext, such as a format."""


def opened(found: Tested, options: Mapping[str, Any], key: bytes = KEY) -> KeyedCipher:
    """The cipher, opened as the core does it, under a key."""
    made: Cipher = found.offer.open(options_for(found, options))
    return made.keyed(key)


def place(
    at: int = 0, version: int = 1, *, partition: str = "session/kit", lane: str = "messages/main", key_id: str = "k"
) -> bytes:
    """The context of a record."""
    address: Address = (lane, at)
    return context(9, key_id, partition, address, version)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record that was encrypted, and what it takes to read it."""

    data: bytes
    context: bytes

    @classmethod
    def by(cls, cipher: KeyedCipher, data: bytes, bound: bytes) -> Sealed:
        """``data``, encrypted."""
        sealed = cipher.encrypt(data, bound)
        assert type(sealed) is bytes, f"encrypt gave {type(sealed).__name__}, not bytes"
        return cls(sealed, bound)

    def read(self, cipher: KeyedCipher) -> bytes:
        """What was encrypted; raises ``ValueError``."""
        data = cipher.decrypt(self.data, self.context)
        assert type(data) is bytes, f"decrypt gave {type(data).__name__}, not bytes"
        return data

    def refused(self, cipher: KeyedCipher, why: str) -> None:
        """It must not be read."""
        with pytest.raises(ValueError):  # noqa: PT011 - of any kind
            pytest.fail(f"{why}, and was read as {self.read(cipher)[:40]!r}")


class CipherTests(OfferTests):
    """Holds the cipher named ``plugin`` to what the record pipeline relies on.

    One that needs options overrides the fixture ``options``.
    """

    kind = "cipher"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> OpenCipher:
        """Opens the cipher, each time anew; takes a key."""
        return partial(opened, tested, options)

    def test_the_tag(self, tested: Tested) -> None:
        """By the offer, "``tag`` is written into each record": a byte, and 0 stands for none."""
        assert 0 < tested.offer.tag < 256, f"the tag {tested.offer.tag} is not from 1 to 255"

    @verifies("round_trip")
    def test_records_come_back(self, opens: OpenCipher) -> None:
        """``decrypt`` gives "the plaintext": messages, the empty record, a mebibyte, and any bytes."""
        cipher = opens()
        for data in (b"", b"\0", b"{}", noise(1 << 20), *records(40)):
            assert Sealed.by(cipher, data, place()).read(cipher) == data

        @settings(max_examples=60, deadline=None, database=None, derandomize=True)
        @given(st.binary(max_size=200), st.binary(max_size=80))
        def any_bytes(data: bytes, bound: bytes) -> None:
            assert Sealed.by(cipher, data, bound).read(cipher) == data

        any_bytes()

    def test_how_much_one_key_may_encrypt(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """``writes`` says "how many records one key may encrypt at the most": the core counts them."""
        made: Cipher = tested.offer.open(options_for(tested, options))
        assert type(made.writes) is int
        assert made.writes >= 1 << 20, "a session that is written to often would come to an end"

    @verifies("kept")
    def test_the_key_is_not_told(self, opens: OpenCipher) -> None:
        """A key "never leaves" its cipher: it is in no ``repr``, and in nothing that is raised."""
        cipher = opens()
        told = [repr(cipher), str(cipher)]
        for data in (b"", b"x" * 100, Sealed.by(opens(OTHER), b"{}", place()).data):
            with pytest.raises(ValueError) as caught:  # noqa: PT011 - of any kind
                cipher.decrypt(data, place())
            told.append(repr(caught.value))
        for secret in (KEY.hex(), base64.b64encode(KEY).decode()[:40], repr(KEY)[2:-1]):
            assert not any(secret in text for text in told), f"the key is told: {told}"

    @verifies("hidden")
    def test_nothing_of_the_plaintext_is_seen(self, opens: OpenCipher) -> None:
        """A ciphertext shows nothing of what it holds, and records that say the same look different."""
        cipher = opens()
        canary = b"a canary that is long enough to be found"
        sealed = [Sealed.by(cipher, canary * 10, place(at)) for at in range(20)]
        for each in sealed:
            assert canary not in each.data
            assert canary[:12] not in each.data
        blocks = [each.data[at : at + 16] for each in sealed for at in range(HEADER, 380, 16)]
        assert len(set(blocks)) == len(blocks), "blocks of the ciphertext repeat, as those of the plaintext do"

    @verifies("authentic")
    def test_a_changed_record_is_refused(self, opens: OpenCipher) -> None:
        """It is a "raises ``ValueError`` unless it is just that": any bit of it flipped, cut short, or made longer."""
        cipher = opens()
        sealed = Sealed.by(cipher, b'{"role":"user","content":"hello"}', place())
        for at in range(len(sealed.data)):
            flipped = bytearray(sealed.data)
            flipped[at] ^= 1 << at % 8
            Sealed(bytes(flipped), sealed.context).refused(cipher, f"byte {at} was changed")
        for stop in range(len(sealed.data)):
            Sealed(sealed.data[:stop], sealed.context).refused(cipher, f"it was cut at {stop}")
        Sealed(sealed.data + b"\0", sealed.context).refused(cipher, "it was made longer")

    @verifies("bound")
    def test_a_record_is_read_in_its_place_only(self, opens: OpenCipher) -> None:
        """By the protocol, "``context`` is bound to the ciphertext": another position, lane, partition or version is refused."""
        cipher = opens()
        sealed = Sealed.by(cipher, b"{}", place(3, version=7))
        contexts = {
            "it was moved": place(4, version=7),
            "it was rolled back": place(3, version=6),
            "it was moved to another lane": place(3, version=7, lane="tools"),
            "it was moved to another session": place(3, version=7, partition="session/other"),
            "its key id was changed": place(3, version=7, key_id="other"),
            "its context was cut": sealed.context[:-1],
            "its context was left out": b"",
        }
        for why, bound in contexts.items():
            Sealed(sealed.data, bound).refused(cipher, why)

    @verifies("bound")
    def test_two_records_cannot_be_swapped(self, opens: OpenCipher) -> None:
        """Each of two records is refused in the place of the other."""
        cipher = opens()
        first, second = (Sealed.by(cipher, b'{"n":%d}' % at, place(at)) for at in range(2))
        Sealed(first.data, second.context).refused(cipher, "it was put in another's place")
        Sealed(second.data, first.context).refused(cipher, "it was put in another's place")

    @verifies("keyed")
    def test_another_key_does_not_open_it(self, opens: OpenCipher) -> None:
        """``keyed`` gives "the cipher under ``key``": what one key has encrypted, no other reads."""
        cipher, stranger = opens(), opens(OTHER)
        sealed = Sealed.by(cipher, b'{"n":1}', place())
        assert sealed.read(opens()) == b'{"n":1}'
        sealed.refused(stranger, "the key was another's")
        for bit in range(0, 256, 16):
            near = (int.from_bytes(KEY, "big") ^ 1 << bit).to_bytes(32, "big")
            sealed.refused(opens(near), f"bit {bit} of the key was another")

    @verifies("fresh")
    def test_no_nonce_is_used_twice(self, opens: OpenCipher) -> None:
        """One record encrypted again and again, by several openings, never twice gives the same bytes."""
        ciphers = [opens(), opens()]
        sealed = [Sealed.by(ciphers[at % 2], b"the same", place()).data for at in range(MANY)]
        assert len(set(sealed)) == MANY, f"{MANY - len(set(sealed))} of {MANY} ciphertexts repeat"

    @verifies("fresh")
    def test_no_keystream_is_used_twice(self, opens: OpenCipher) -> None:
        """Two ciphertexts never differ by just what their plaintexts differ by, in one opening or in two."""
        zeros, ones = bytes(64), b"\xff" * 64
        for openings in (1, 2):
            ciphers = [opens() for _ in range(openings)]
            sealed = [Sealed.by(ciphers[at % openings], ones if at % 2 else zeros, place(at)).data for at in range(200)]
            for first, second in pairwise(sealed):
                difference = bytes(a ^ b for a, b in zip(first, second, strict=False))
                assert b"\xff" * 32 not in difference, "a keystream was used twice"

    @verifies("threads")
    def test_threads_do_not_meet(self, opens: OpenCipher) -> None:
        """One cipher serves every thread of a process, without a lock around it."""
        cipher = opens()

        def there_and_back(data: bytes) -> tuple[bool, bytes]:
            sealed = Sealed.by(cipher, data, place(len(data)))
            return sealed.read(cipher) == data, sealed.data

        with ThreadPoolExecutor(4) as pool:
            results = [*pool.map(there_and_back, records(60) * 5)]
        assert all(right for right, _ in results)
        assert len({sealed for _, sealed in results}) == len(results)

    @verifies("anywhere")
    def test_another_process_reads_it(self, opens: OpenCipher, tested: Tested, options: Mapping[str, Any]) -> None:
        """What is stored outlives the process: another one, with the same options and keys, reads it."""
        cipher = opens()
        data = [b"", *records(10)]
        told: list[Mapping[str, str]] = []
        for at, each in enumerate(data):
            sealed = Sealed.by(cipher, each, place(at))
            told.append({"data": _text(sealed.data), "context": _text(sealed.context)})
        assert read_elsewhere(tested, options, told) == data


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
