"""Keys for the kit: a key source that needs nothing, and keeps its secrets as well as a test must."""

from __future__ import annotations

import hashlib
import hmac

from holdall.errors import CodecError

__all__ = ["KitKeys"]


class KitKeys:
    """Wraps data keys by a key made of ``secret``; the same in every process."""

    def __init__(self, secret: str = "the kit's own") -> None:  # noqa: S107 - it guards nothing
        self.key_id = f"kit-{hashlib.sha256(secret.encode()).hexdigest()[:8]}"
        self._key = hashlib.sha256(b"key" + secret.encode()).digest()

    async def wrap(self, key: bytes) -> tuple[str, bytes]:
        """The id of the wrapping key, and ``key`` wrapped by it."""
        body = self._mask(key)
        return self.key_id, hmac.digest(self._key, body, "sha256") + body

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key; raises ``CodecError`` when it was wrapped by another."""
        mac, body = wrapped[:32], wrapped[32:]
        if key_id != self.key_id or not hmac.compare_digest(mac, hmac.digest(self._key, body, "sha256")):
            raise CodecError("a data key", f"the key {key_id!r} is not there")
        return self._mask(body)

    def _mask(self, data: bytes) -> bytes:
        stream = hashlib.shake_256(self._key).digest(len(data))
        return bytes(one ^ other for one, other in zip(data, stream, strict=True))
