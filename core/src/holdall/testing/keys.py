"""``KeySourceTests``: what every key source must keep.

    from holdall.testing import KeySourceTests

    class TestVault(KeySourceTests):
        plugin = "vault"

That keys survive what may happen to the place that they come from, no test here can tell.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import pytest

from holdall.errors import CodecError
from holdall.hooks import KeySource
from holdall.testing.case import verifies
from holdall.testing.elsewhere import read_elsewhere
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests

__all__ = ["KeySourceTests", "OpenKeys", "opened"]

T = TypeVar("T")
OpenKeys = Callable[[], Awaitable[KeySource]]
KEY = bytes(range(7, 39))


async def opened(found: Tested, options: Mapping[str, Any]) -> KeySource:
    """The key source, opened as the core does it."""
    made = found.offer.open(options_for(found, options))
    return await made if inspect.iscoroutine(made) else made


class KeySourceTests(OfferTests):
    """Holds the key source named ``plugin`` to what encrypted stores rely on.

    One that needs options, a variable or a service overrides the fixture ``options``.
    """

    kind = "key source"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> OpenKeys:
        """Opens the key source."""
        return lambda: opened(tested, options)

    @verifies("round_trip")
    def test_a_data_key_comes_back(self, opens: OpenKeys) -> None:
        """``wrap`` gives "the id of the current wrapping key, and ``key`` wrapped by it"; ``unwrap`` "the data key"."""

        async def body() -> None:
            source = await opens()
            for key in (KEY, bytes(32), b"\xff" * 32):
                key_id, wrapped = await source.wrap(key)
                assert key_id, "the wrapping key has no id"
                assert key_id.isprintable(), f"the id {key_id!r} is shown to operators"
                assert type(wrapped) is bytes, f"wrap gave {type(wrapped).__name__}, not bytes"
                assert await source.unwrap(key_id, wrapped) == key

        _run(body())

    @verifies("anywhere")
    def test_another_process_unwraps_it(self, opens: OpenKeys, tested: Tested, options: Mapping[str, Any]) -> None:
        """What is wrapped is stored: another opening with the same options unwraps it, and so does another process."""

        async def body() -> tuple[str, bytes]:
            key_id, wrapped = await (await opens()).wrap(KEY)
            assert await (await opens()).unwrap(key_id, wrapped) == KEY
            return key_id, wrapped

        key_id, wrapped = _run(body())
        record = {"key_id": key_id, "data": base64.b64encode(wrapped).decode()}
        assert read_elsewhere(tested, options, [record]) == [KEY]

    @verifies("authentic")
    def test_what_it_did_not_wrap_is_refused(self, opens: OpenKeys) -> None:
        """By the protocol, "raises ``CodecError``": any bit flipped, cut short, made longer, or nothing at all."""

        async def body() -> None:
            source = await opens()
            key_id, wrapped = await source.wrap(KEY)
            spoiled = {"nothing": b"", "cut short": wrapped[:-1], "made longer": wrapped + b"\0"}
            for at in range(len(wrapped)):
                flipped = bytes(byte ^ (1 << at % 8 if at == place else 0) for place, byte in enumerate(wrapped))
                spoiled[f"changed at byte {at}"] = flipped
            for how, data in spoiled.items():
                await _refused(source.unwrap(key_id, data), how)

        _run(body())

    @verifies("authentic")
    def test_a_wrapping_key_that_is_not_there(self, opens: OpenKeys) -> None:
        """``unwrap`` "raises ``CodecError`` when the wrapping key is not there", and takes no other for it."""

        async def body() -> None:
            source = await opens()
            key_id, wrapped = await source.wrap(KEY)
            for other in (f"{key_id}-other", "", "../up"):
                await _refused(source.unwrap(other, wrapped), f"said to be wrapped by {other!r}")

        _run(body())

    @verifies("kept")
    def test_no_key_is_told(self, opens: OpenKeys) -> None:
        """By the protocol, "no key may be in a ``repr``, an error or a log"; nor in what is stored of a wrapped one."""

        async def body() -> None:
            source = await opens()
            key_id, wrapped = await source.wrap(KEY)
            assert KEY not in wrapped
            assert KEY[:12] not in wrapped
            told = [key_id, repr(source), str(source)]
            for bad in (source.unwrap(key_id, wrapped[:-1]), source.unwrap(f"{key_id}-other", wrapped)):
                with pytest.raises(CodecError) as caught:
                    await bad
                told.append(repr(caught.value) + str(caught.value))
            for secret in (KEY.hex(), base64.b64encode(KEY).decode()[:40], repr(KEY)[2:-1]):
                assert not any(secret in text for text in told), f"the key is told: {told}"

        _run(body())

    @verifies("concurrent")
    def test_several_at_once(self, opens: OpenKeys) -> None:
        """By the protocol, "several calls may be on their way at once": each gets its own key back."""

        async def there_and_back(source: KeySource, key: bytes) -> bytes:
            return await source.unwrap(*await source.wrap(key))

        async def body() -> None:
            source = await opens()
            some = [at.to_bytes(32, "big") for at in range(20)]
            assert await asyncio.gather(*(there_and_back(source, key) for key in some)) == some

        _run(body())


async def _refused(unwrapping: Awaitable[bytes], how: str) -> None:
    try:
        found = await unwrapping
    except CodecError:
        return
    pytest.fail(f"a wrapped key was {how}, and unwrapped as {len(found)} bytes")


def _run(body: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(body, 60))
