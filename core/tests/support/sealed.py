"""Storages with encryption around them, as plain plugins: the conformance kit holds them to the contract."""

from pathlib import Path

from msgspec import Struct

from holdall.clock import SystemClock
from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer, hookimpl
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.sealing.storage import SealedStorage
from holdall.sealing.vault import Vault
from holdall.settings import StorageRef
from holdall_aesgcm.cipher import AesGcm, CipherSettings
from holdall_aesgcm.ring import Ring

KEY = "11" * 32


class Fixed:
    """Keys that the test knows."""

    def __init__(self, text=KEY):
        self.ring = Ring(text, "the test")

    async def wrap(self, key):
        return self.ring.wrap(key)

    async def unwrap(self, key_id, wrapped):
        return self.ring.unwrap(key_id, wrapped)


class Options(Struct, frozen=True):
    below: StorageRef


async def sealed(below, source=None, *, plain=False, clock=None, padding=False):
    """An encrypting storage around ``below``, with its store's key."""
    vault = Vault(below, {1: AesGcm(CipherSettings(padding))}, source or Fixed(), clock or SystemClock(), 1)
    await vault.open(begin=True)
    storage = SealedStorage(below, vault, plain=plain)
    await storage.recover()
    return storage


async def _open(options):
    return await sealed(await open_storage(options.below, Plugins()))


def _sandbox(use):
    def options(folder: Path):
        return {"below": {"use": use, "options": {"path": str(folder / "store")} if use != "memory" else {}}}

    return options


@hookimpl
def holdall_storages():
    return [
        StorageOffer("sealed-memory", "memory, encrypted", Options, _open, Abilities(), _sandbox("memory")),
        StorageOffer(
            "sealed-file", "file, encrypted", Options, _open, Abilities(Durability.POWER, shared=True), _sandbox("file")
        ),
    ]
