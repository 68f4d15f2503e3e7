"""Key sources that lie, as one single-file plugin, and an honest one."""

from __future__ import annotations

import asyncio
import hmac
import secrets

from holdall.errors import CodecError
from holdall.hooks import KeySourceOffer, NoSettings, hookimpl

KEY_SOURCES = []
SECRET = b"known to everybody who reads this file"
ID = "liars-1"


def source(*caught_by):
    """Offer the class as a key source; each test of ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        KEY_SOURCES.append(KeySourceOffer(kind.__name__, kind.__doc__, NoSettings, lambda _: kind()))
        return kind

    return offer


def mixed(key, nonce):
    return bytes(one ^ other for one, other in zip(key, hmac.digest(SECRET, nonce, "sha256"), strict=True))


class Keys:
    """Honest, as far as a key in a file of the sources can be."""

    secret = SECRET

    async def wrap(self, key):
        nonce = secrets.token_bytes(16)
        body = nonce + mixed(key, nonce)
        return ID, hmac.digest(SECRET, b"check" + body, "sha256") + body

    async def unwrap(self, key_id, wrapped):
        if key_id != ID:
            raise CodecError("a data key", "its wrapping key is not there")
        check, body = wrapped[:32], wrapped[32:]
        if not hmac.compare_digest(check, hmac.digest(SECRET, b"check" + body, "sha256")):
            raise CodecError("a data key", "it is not what was wrapped")
        return mixed(body[16:], body[:16])


@source()
class HonestKeys(Keys):
    """Does as it says."""


@source("test_a_data_key_comes_back", "test_another_process_unwraps_it", "test_several_at_once")
class Constant(Keys):
    """Unwraps whatever it wrapped as the same key."""

    async def unwrap(self, key_id, wrapped):
        await super().unwrap(key_id, wrapped)
        return b"k" * 32


@source("test_another_process_unwraps_it")
class InMemory(Keys):
    """Keeps data keys in a dictionary, which goes with the process."""

    def __init__(self):
        self.keys = {}

    async def wrap(self, key):
        name = secrets.token_bytes(16)
        self.keys[name] = key
        return ID, name

    async def unwrap(self, key_id, wrapped):
        if key_id != ID or wrapped not in self.keys:
            raise CodecError("a data key", "it is not what was wrapped")
        return self.keys[wrapped]


@source("test_what_it_did_not_wrap_is_refused")
class Trusting(Keys):
    """Checks nothing but the length."""

    async def unwrap(self, key_id, wrapped):
        if key_id != ID or len(wrapped) != 80:
            raise CodecError("a data key", "it is not what was wrapped")
        return mixed(wrapped[48:], wrapped[32:48])


@source("test_a_wrapping_key_that_is_not_there")
class Obliging(Keys):
    """Takes any wrapping key for its own."""

    async def unwrap(self, key_id, wrapped):
        return await super().unwrap(ID, wrapped)


@source("test_no_key_is_told")
class Explaining(Keys):
    """Says in its errors what it was asked to wrap."""

    async def wrap(self, key):
        self.last = key
        return await super().wrap(key)

    async def unwrap(self, key_id, wrapped):
        try:
            return await super().unwrap(key_id, wrapped)
        except CodecError as error:
            raise CodecError("a data key", f"{error.reason}; the last one was {self.last.hex()}") from None


@source("test_several_at_once")
class Hasty(Keys):
    """Remembers one call at a time."""

    async def unwrap(self, key_id, wrapped):
        self.wrapped = wrapped
        await asyncio.sleep(0)
        return await super().unwrap(key_id, self.wrapped if len(wrapped) == 80 else wrapped)


@hookimpl
def holdall_key_sources():
    return KEY_SOURCES
