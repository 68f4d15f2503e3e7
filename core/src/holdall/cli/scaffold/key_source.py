"""SUMMARY."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

from msgspec import Struct

from holdall import hookimpl
from holdall.errors import CodecError, SettingsError
from holdall.hooks import KeySourceOffer

__all__ = ["MykindKeys", "MykindSettings", "holdall_key_sources"]


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[encryption.keys.options]``."""

    # CHANGE 1: where your keys are, such as the address of a key service; never a key.
    path: Path
    """A folder that only its owner may use."""


class MykindKeys:
    """Keeps data keys in a folder, until you change that. Several calls may be on their way at once."""

    # CHANGE 2: the id of the wrapping key. It is stored with each data key, and shown to operators.
    current = "mykind-1"

    def __init__(self, settings: MykindSettings) -> None:
        # CHANGE 3: open what has the wrapping keys. No key may stand in a ``repr``, an error or a log.
        self._folder = settings.path.expanduser()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"encryption.keys: {self._folder}: {error.strerror}") from None

    async def wrap(self, key: bytes) -> tuple[str, bytes]:
        """The id of the current wrapping key, and ``key`` wrapped by it."""
        # CHANGE 4: have ``key`` encrypted, with authentication. Here it is kept, without a sync, and named.
        name = secrets.token_bytes(16)
        await asyncio.to_thread(self._keep, name, key)
        return self.current, name

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key; raises ``CodecError`` unless ``wrapped`` is what the wrapping key ``key_id`` wrapped."""
        # CHANGE 5: have it decrypted. Wrapping keys that were replaced must still unwrap.
        if key_id != self.current:
            raise CodecError("a data key", f"the key {key_id!r} is not there")
        try:
            return await asyncio.to_thread((self._folder / f"key-{wrapped.hex()}").read_bytes)
        except OSError:
            raise CodecError("a data key", f"it is not what the key {key_id!r} wrapped") from None

    def _keep(self, name: bytes, key: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(self._folder / f"key-{name.hex()}", flags, 0o600), "wb") as file:
            file.write(key)


@hookimpl
def holdall_key_sources() -> list[KeySourceOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    # CHANGE 6: ``sandbox`` gives options for the kit, and may write into ``folder`` what they name.
    return [
        KeySourceOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindKeys,
            contract=1,
            sandbox=lambda folder: {"path": folder / "keys"},
        )
    ]
