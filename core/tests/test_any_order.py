"""Whatever a store's configuration was in its life, everything that was ever written stays readable.

Covers SE-10, OP-11.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.deployed import Deployment, fill, said
from support.stores import text, user

from holdall import opening
from holdall.errors import CodecError, SettingsError
from holdall.plugins import Plugins
from holdall.sealing.converting import convert_all
from holdall.settings import StorageRef
from holdall.testing.clock import ManualClock
from holdall.transfer.backing_up import back_up
from holdall.transfer.copying import Side, copy
from holdall.transfer.keys import rotate
from holdall.transfer.reencoding import reencode
from holdall.transfer.verifying import verify

LIVES = int(os.environ.get("ORDER_LIVES", "0"))
"""Lives on each backend; 0: few."""
COMPRESSORS = ["learning", "other", "zlib", "zstd"]
CHANGES = st.lists(
    st.sampled_from([
        "compress off", *(f"compress {name}" for name in COMPRESSORS), "train learning", "train other",
        "encrypt", "encrypt padded", "encrypt no more", "new key", "rotate", "reencode", "backup", "copy", "restart",
    ]),
    min_size=1,
    max_size=9,
)  # fmt: skip


@pytest.mark.covers("OP-11", "SE-10")
def test_in_any_order_of_configurations_every_record_stays_readable(backend, tmp_path_factory):
    """Tried with a rotation that wraps nothing: what was written before it is lost with the old key."""
    few = 16 if backend == "memory" else 3

    @settings(max_examples=LIVES or few)
    @given(CHANGES)
    def live(changes):
        asyncio.run(Life(backend, tmp_path_factory.mktemp("life")).lead(changes))

    live()


@pytest.mark.covers("OP-11", "SE-10")
async def test_the_whole_of_a_long_life(backend, tmp_path):
    """Every change, most of them with something of every earlier one in the store."""
    await Life(backend, tmp_path).lead([
        "compress learning", "train learning", "encrypt", "new key", "compress zlib", "reencode", "rotate", "restart",
        "encrypt no more", "compress off", "copy", "encrypt padded", "new key", "rotate", "reencode", "compress zstd",
        "encrypt", "restart", "backup",
    ])  # fmt: skip


async def test_a_key_that_is_removed_before_the_rotation_is_missed(backend, tmp_path):
    """The control: the same life notices what it is to notice."""
    life = Life(backend, tmp_path)
    life.careless = True
    with pytest.raises((SettingsError, CodecError)):
        await life.lead(["encrypt", "new key", "rotate"])


class Life:
    """A store's life: after each change everything that was ever written is read, under every configuration."""

    careless = False

    def __init__(self, backend, folder):
        self.backend, self.folder, self.stores = backend, folder, 0
        self.clock = ManualClock()
        self.compressor, self.cipher = None, {}
        self.keys = [self.new_key()]
        self.sessions = {}

    def new_key(self):
        return base64.b64encode(secrets.token_bytes(32)).decode()

    async def lead(self, changes):
        self.deployment = await self.open()
        try:
            await self.write()
            for at, change in enumerate(changes):
                self.clock.advance(1)
                verb, _, what = change.partition(" ")
                await getattr(self, verb)(what, at)
                await self.write()
                await self.read()
        finally:
            await self.deployment.storage.inner.close()

    async def open(self, *, anew=True):
        self.stores += anew
        options = dict(Plugins().storage(self.backend).sandbox(self.folder / f"{self.stores}"))
        return Deployment(await opening.open_storage(StorageRef(self.backend, options), Plugins()), self.clock)

    def sections(self, compressor):
        use = {} if compressor is None else {"use": compressor}
        file = self.folder / "keys"
        file.touch(0o600)
        file.write_text("\n".join(self.keys))
        keys = {"keys": {"use": "file", "options": {"path": str(file)}}}
        return {
            "compression": {**use, "reads": ["learning", "other"]},
            "encryption": {**self.cipher, **keys, "reads": ["aesgcm"], "plaintext": "accept"} if self.cipher else {},
        }

    @property
    def current(self):
        return self.sections(self.compressor)

    async def compress(self, what, _at):
        self.compressor = None if what == "off" else what

    async def train(self, what, at):
        await self.deployment.train(seed=at, **self.sections(what))

    async def encrypt(self, what, _at):
        if what != "no more":
            self.cipher = {"use": "aesgcm", "options": {"padding": what == "padded"}}
        elif self.cipher:
            self.cipher = {"use": None}

    async def new(self, _what, _at):
        self.keys.insert(0, self.new_key())

    async def rotate(self, _what, _at):
        """Wrap every data key anew, and forget the old keys."""
        if self.cipher and not self.careless:
            vault = await self.deployment.vault(**self.current)
            report = await rotate(vault.storage, vault.source, self.clock)
            assert (report.old, report.problems) == ({}, [])
        del self.keys[1:]

    async def reencode(self, _what, _at):
        storage, codec = await self.deployment.below(**self.current)
        if self.cipher.get("use"):
            await convert_all(self.deployment.storage, await self.deployment.vault(**self.current))
        assert (await reencode(storage, codec)).problems == []

    async def backup(self, _what, at):
        await back_up(self.deployment.storage, self.folder / f"{at}.backup", 0)

    async def copy(self, _what, _at):
        target = await self.open()
        sides = [Side(*await each.below(**self.current)) for each in (self.deployment, target)]
        assert (await copy(*sides)).problems == []
        await self.deployment.storage.inner.close()
        self.deployment = target

    async def restart(self, _what, _at):
        if self.backend != "memory":
            await self.deployment.storage.inner.close()
            self.deployment = await self.open(anew=False)

    async def write(self):
        """Go on with the first session, and begin another."""
        async with self.deployment.store(**self.current) as store:
            for session in [*self.sessions][:1]:
                await store.append(session, [user(said(self.sessions[session]))])
                self.sessions[session] += 1
            self.sessions[await fill(store, 12)] = 12

    async def read(self):
        for compressor in (None, "other"):
            async with self.deployment.store(**self.sections(compressor)) as store:
                for session, count in self.sessions.items():
                    assert text(await store.history(session, limit=100)) == [said(n) for n in range(count)]
        storage, codec = await self.deployment.below(**self.sections(None))
        assert (await verify(storage, codec)).problems == []
