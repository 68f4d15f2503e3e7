"""A storage that stays while stores with ever other configurations are opened on it, side by side or in turn."""

from __future__ import annotations

import random
from typing import Any

from holdall import hookimpl, opening
from holdall.codecs import Codec
from holdall.contract import Abilities, ISessionStorage
from holdall.encrypting import encrypting, open_vault
from holdall.hooks import CompressorOffer, NoSettings, StorageOffer
from holdall.plugins import Plugins
from holdall.settings import read_settings
from holdall.testing.clock import ManualClock
from holdall.transfer.training import Trained, train
from support.learning import TAG, LearningZlib
from support.storages import Passing
from support.stores import user

__all__ = ["ON", "Deployment", "fill", "said"]

ON = {"compression": {"use": "learning"}}


def said(number: int) -> str:
    """Something that has much in common with what else is said."""
    chance = random.Random(number)
    return f"the quick brown fox jumps over the lazy dog for the {number}th time: {chance.random()}"


async def fill(store: Any, count: int = 40) -> str:
    """A session with ``count`` messages."""
    return (await store.create(owner="ana", messages=[user(said(n)) for n in range(count)])).id


class Kept(Passing):
    """Stays open, whoever closes it."""

    async def close(self) -> None:
        pass


class Offers:
    """The storage that is there, and two compressors."""

    def __init__(self, storage: ISessionStorage) -> None:
        self.storage = storage

    @hookimpl
    def holdall_storages(self) -> list[StorageOffer[Any]]:
        return [StorageOffer("kept", "", NoSettings, lambda _: self.storage, Abilities(), lambda _: {})]

    @hookimpl
    def holdall_compressors(self) -> list[CompressorOffer[Any]]:
        return [
            CompressorOffer("learning", "a fixture", TAG, NoSettings, lambda _: LearningZlib()),
            CompressorOffer("other", "another", TAG + 1, NoSettings, lambda _: LearningZlib()),
        ]


class Deployment:
    """Opens stores, and the storage below them."""

    def __init__(self, storage: ISessionStorage, clock: ManualClock) -> None:
        self.storage = Kept(storage)
        self.clock = clock
        self.plugins = Plugins()
        self.plugins.register(Offers(self.storage), "kept")

    def settings(self, sections: dict[str, Any]) -> Any:
        return read_settings({"storage": {"use": "kept"}, "sessions": {"sweep_every": 0}, **sections})

    def store(self, **sections: Any) -> Any:
        return opening.open_store(self.settings(sections), plugins=self.plugins, clock=self.clock)

    async def below(self, **sections: Any) -> tuple[ISessionStorage, Codec]:
        settings = self.settings(sections)
        codec = opening.codec_of(settings, self.plugins)
        storage, _ = await encrypting(self.storage, settings, self.plugins, self.clock)
        return await opening.decodable(storage, codec, settings), codec

    async def vault(self, **sections: Any) -> Any:
        """The data keys."""
        return await open_vault(self.storage, self.settings(sections), self.plugins, self.clock)

    async def train(self, seed: int = 1, **sections: Any) -> Trained:
        storage, codec = await self.below(**(sections or ON))
        self.clock.advance(1)
        return await train(storage, codec, self.clock, seed=seed)
