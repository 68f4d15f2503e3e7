"""The hook specifications, and the offers that plugins register through them.

A plugin is a module (or object) named by an entry point of the group ``holdall``, whose entry-point name is
the offer's name. The hooks that register kinds are called once, when the store opens; what is asynchronous
lives on the objects that the offers make. No behaviour depends on the order of plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from holdall.contract import Abilities, BlockingSessionStorage, ISessionStorage
from holdall.values import Value

if TYPE_CHECKING:
    from pathlib import Path

    import pluggy
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
    from holdall.specs import Specs

__all__ = [
    "KINDS",
    "PROJECT",
    "UNASKED",
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
KINDS = frozenset(
    (
        "holdall_storages",
        "holdall_compressors",
        "holdall_ciphers",
        "holdall_cache_policies",
        "holdall_key_sources",
        "holdall_formats",
        "holdall_tokenizers",
        "holdall_compactors",
        "holdall_summarisers",
        "holdall_search_indexes",
    )
)
"""The hooks that register kinds: they take nothing, and return offers."""
UNASKED = {
    "wrapper": False,
    "hookwrapper": False,
    "optionalhook": False,
    "tryfirst": False,
    "trylast": False,
    "specname": None,
}
"""What pluggy's marker writes on a function that is marked without options."""

if TYPE_CHECKING:
    hookspec = pluggy.HookspecMarker(PROJECT)
    hookimpl = pluggy.HookimplMarker(PROJECT)
else:

    class Marker:
        """pluggy's ``HookimplMarker``, which is imported for a function that is marked with options."""

        __slots__ = ()
        project_name = PROJECT

        def __call__(self, function: Any = None, *options: Any, **named: Any) -> Any:
            """Mark a function as the implementation of a hook."""
            if function is None or options or named:
                from pluggy import HookimplMarker  # noqa: PLC0415 - as above

                return HookimplMarker(PROJECT)(function, *options, **named)
            setattr(function, f"{PROJECT}_impl", dict(UNASKED))
            return function

    hookimpl = Marker()

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


def __getattr__(name: str) -> Any:
    """The offers that few stores use, and what needs pluggy, are imported when they are named (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'holdall.hooks' has no attribute {name!r}")
    if name in ("Specs", "hookspec"):
        from holdall import specs  # noqa: PLC0415 - as above

        return getattr(specs, name)
    from holdall import offers  # noqa: PLC0415 - as above

    return getattr(offers, name)
