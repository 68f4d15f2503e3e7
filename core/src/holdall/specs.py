"""The hooks that a plugin may implement, as pluggy knows them. ``holdall.hooks`` has them, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from holdall.hooks import StorageOffer
    from holdall.offers import (
        CachePolicyOffer,
        CipherOffer,
        CompactorOffer,
        CompressorOffer,
        FormatOffer,
        KeySourceOffer,
        SearchOffer,
        SummariserOffer,
        TokenizerOffer,
    )
    from holdall.sessions.events import Draft, Event

__all__ = ["Specs", "hookspec"]

hookspec = pluggy.HookspecMarker("holdall")


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
