"""How a liar is written down: a class whose docstring is the lie, and the tests that must catch it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer
from holdall_memory import MemorySessionStorage

T = TypeVar("T", bound=type)
OFFERS: list[StorageOffer[Any]] = []


class Settings(BaseModel, extra="forbid"):
    path: Path


def liar(*caught_by: str, durability: Durability = Durability.NONE, shared: bool = False):
    """Offer the class as a storage; each test of ``caught_by`` must fail with it."""

    def offer(storage: T) -> T:
        storage.caught_by = caught_by
        OFFERS.append(
            StorageOffer(
                name=storage.__name__,
                summary=storage.__doc__ or "",
                settings=Settings,
                open=storage,
                abilities=Abilities(durability, shared),
                sandbox=lambda folder: {"path": str(folder / "liar.log")},
            )
        )
        return storage

    return offer


class Memory(MemorySessionStorage):
    """What most liars are made of."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
