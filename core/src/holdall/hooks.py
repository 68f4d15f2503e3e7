"""The hook specifications, and the offers that plugins register through them.

A plugin is a module (or object) named by an entry point of the group ``holdall``, whose entry-point name is
the offer's name. The hooks that register kinds are called once, when the store opens; what is asynchronous
lives on the objects that the offers make. No behaviour depends on the order of plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy
from msgspec import Struct

from holdall.contract import Abilities, BlockingSessionStorage, ISessionStorage
from holdall.values import Value

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from holdall.offers import (
        CachePolicyOffer,
        CipherOffer,
        CompactorOffer,
        CompressorOffer,
        FormatOffer,
        KeySource,
        KeySourceOffer,
        SearchOffer,
        SummariserOffer,
        TokenizerOffer,
    )
    from holdall.sessions.events import Draft, Event

__all__ = [
    "PROJECT",
    "CachePolicyOffer",
    "CipherOffer",
    "CompactorOffer",
    "CompressorOffer",
    "FormatOffer",
    "KeySource",
    "KeySourceOffer",
    "NoSettings",
    "SearchOffer",
    "Specs",
    "StorageOffer",
    "SummariserOffer",
    "TokenizerOffer",
    "hookimpl",
    "hookspec",
]

PROJECT = "holdall"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

AnyStorage = ISessionStorage | BlockingSessionStorage
S = TypeVar("S", bound="Struct | BaseModel")


class NoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a plugin that has none."""


class StorageOffer(Value, Generic[S]):
    """A kind of storage that can be named in ``[storage] use``.

    ``contract``, here and in every offer, is the one that it was written for. State it: an offer that says nothing
    was written for contract 1, whichever this is, and is refused once that is no longer understood.
    """

    name: str
    summary: str
    """One line, shown by ``holdall plugins``."""
    settings: type[S]
    """The model of ``[storage.options]``: pydantic's with ``extra="forbid"``, or a msgspec ``Struct`` with
    ``forbid_unknown_fields=True``, so that a misspelt option is caught. The Struct is imported in no time."""
    open: Callable[[S], AnyStorage | Coroutine[Any, Any, AnyStorage]]
    """Opens the storage. Plain functions run on a thread of their own, the one all blocking calls come from."""
    abilities: Abilities
    """The most that it can promise."""
    sandbox: Callable[[Path], Mapping[str, Any]]
    """Options for a fresh storage inside an empty folder; the conformance kit opens it again and again."""
    configured: Callable[[S], Abilities] | None = None
    """What it promises with these settings, where that differs from ``abilities``."""
    contract: int = 1

    def promises(self, settings: S) -> Abilities:
        """What the storage promises as it is configured."""
        return self.abilities if self.configured is None else self.configured(settings)


class Specs:
    """What a plugin may implement, all of it optional."""

    @hookspec
    def holdall_storages(self) -> Iterable[StorageOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of storage. Called once per opening; returns the offers."""

    @hookspec
    def holdall_compressors(self) -> Iterable[CompressorOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of compressor. Called once per opening; returns the offers."""

    @hookspec
    def holdall_ciphers(self) -> Iterable[CipherOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of cipher. Called once per opening; returns the offers."""

    @hookspec
    def holdall_cache_policies(self) -> Iterable[CachePolicyOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of cache policy. Called once per opening; returns the offers."""

    @hookspec
    def holdall_key_sources(self) -> Iterable[KeySourceOffer[Any]]:  # type: ignore[empty-body]
        """Register places that keys come from. Called once per opening; returns the offers."""

    @hookspec
    def holdall_formats(self) -> Iterable[FormatOffer]:  # type: ignore[empty-body]
        """Register formats of exports and imports. Called when something is exported or imported; returns the offers."""

    @hookspec
    def holdall_tokenizers(self) -> Iterable[TokenizerOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of tokenizer. Called once, when something is to be counted; returns the offers."""

    @hookspec
    def holdall_compactors(self) -> Iterable[CompactorOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of compactor. Called once, when something is to be compacted; returns the offers."""

    @hookspec
    def holdall_summarisers(self) -> Iterable[SummariserOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of summariser. Called once, when something is to be summarised; returns the offers."""

    @hookspec
    def holdall_search_indexes(self) -> Iterable[SearchOffer[Any]]:  # type: ignore[empty-body]
        """Register kinds of search index. Called once per opening; returns the offers."""

    @hookspec
    def holdall_creating(self, draft: Draft) -> None:
        """Take part in a creation before anything is stored. Change ``draft``, or raise ``Refused`` to veto it."""

    @hookspec
    def holdall_observe(self, event: Event) -> None:
        """Be told of a step after it is stored. It can't be vetoed; what this raises is reported and contained."""


def __getattr__(name: str) -> Any:
    """The offers that few stores use are imported when they are named (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'holdall.hooks' has no attribute {name!r}")
    from holdall import offers  # noqa: PLC0415 - as above

    return getattr(offers, name)
