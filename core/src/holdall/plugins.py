"""Finding plugins: only what the configuration names is imported, and every failure names the plugin.

The entry-point group is read as metadata; a plugin's module is imported when, and only when, it is asked for by
name. One typed function per kind hands back the one offer of that name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from holdall import hooks
from holdall.contract import CONTRACT
from holdall.entries import all_entries, entries_named
from holdall.errors import HoldallError, PluginError
from holdall.hooks import StorageOffer
from holdall.registry import Registry
from holdall.spelling import nearest

__all__ = ["CLASSES", "COMPRESSORS", "Plugins", "installed", "opened"]

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import pluggy

    from holdall.hooks import (
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
    from holdall.registry import Plain

    Coding = CompressorOffer[Any] | CipherOffer[Any] | KeySourceOffer[Any]
    Condensing = TokenizerOffer[Any] | CompactorOffer[Any] | SummariserOffer[Any]
    Offer = StorageOffer[Any] | CachePolicyOffer[Any] | FormatOffer | Coding | Condensing | SearchOffer[Any]

T = TypeVar("T")

CLASSES = {
    "storage": "StorageOffer",
    "compressor": "CompressorOffer",
    "cipher": "CipherOffer",
    "cache policy": "CachePolicyOffer",
    "key source": "KeySourceOffer",
    "format": "FormatOffer",
    "tokenizer": "TokenizerOffer",
    "compactor": "CompactorOffer",
    "summariser": "SummariserOffer",
    "search index": "SearchOffer",
}
"""The class of each kind of offer, in ``holdall.hooks``."""

_BUNDLED = {
    "memory": "holdall-memory",
    "file": "holdall-file",
    "diskcache": "holdall-diskcache",
    "tinydb": "holdall-tinydb",
    "zlib": "holdall-zlib",
    "zstd": "holdall-zstd",
    "lru": "holdall-policies",
    "sieve": "holdall-policies",
    "tinylfu": "holdall-policies",
    "ttl": "holdall-policies",
    "postgres": "holdall-postgres",
    "valkey": "holdall-valkey",
    "aesgcm": "holdall-aesgcm",
    "shard": "holdall-shard",
    "tier": "holdall-tier",
    "fts": "holdall-fts",
    "html": "holdall-html",
    "elision": "holdall-compaction",
    "summary": "holdall-compaction",
    "window": "holdall-compaction",
    "estimate": "holdall-compaction",
    "textrank": "holdall-compaction",
    "openai": "holdall-openai",
}
"""What to install for Holdall's own plugins. Of other names nobody can say whose package it would be."""

COMPRESSORS = {1: "zlib", 2: "zstd"}
"""Holdall's own by their tags: they read what they wrote for as long as they are installed."""


class Installed(Struct, frozen=True):
    """A plugin as its distribution's metadata describes it; nothing is imported."""

    name: str
    module: str
    distribution: str
    version: str
    summary: str


def installed() -> list[Installed]:
    """Every installed plugin by name, read from metadata alone."""
    found: list[Installed] = []
    for entry in all_entries():
        dist = entry.distribution
        summary = "" if dist is None else str(dist.metadata["Summary"] or "")
        name, version = ("?", "?") if dist is None else (dist.name, dist.version)
        found.append(Installed(entry.name, entry.value, name, version, summary))
    return sorted(found, key=lambda plugin: plugin.name)


def opened(kind: str, name: str, make: Callable[[], T]) -> T:
    """What a plugin makes; what goes wrong in it names it."""
    try:
        return make()
    except HoldallError:
        raise
    except Exception as error:
        raise PluginError(f"{kind} {name!r} cannot be opened: {error!r}") from error


class Plugins:
    """The plugins that one store uses.

    Where a kind is asked for, ``where`` is the key of the configuration that has the name: errors begin with it.
    """

    def __init__(self) -> None:
        self._registry = Registry()
        self._loaded: set[str] = set()

    @property
    def manager(self) -> pluggy.PluginManager:
        """pluggy's, with all that is loaded and registered."""
        return self._registry.manager

    def register(self, plugin: object, name: str | None = None) -> None:
        """Use an object as a plugin, without an entry point. Its hooks are checked at once."""
        self._registry.add(plugin, name)

    def implementing(self, hook: str) -> Sequence[Plain]:
        """What implements ``hook``, each with ``plugin_name``, ``function`` and ``argnames``."""
        return self._registry.implementing(hook)

    def load(self, name: str, offered: Sequence[str] = ()) -> None:
        """Import the installed plugin ``name``, and no other; what ends in ``.py`` is a single-file plugin.

        ``offered`` are names that would have done, too, told where there is no such plugin.
        """
        if name in self._loaded or self._registry.has(name):
            return
        if name.endswith(".py"):
            from pathlib import Path  # noqa: PLC0415 - for single files only

            self.load_file(Path(name))
            return
        matches = entries_named(name)
        if not matches:
            raise PluginError(self._unknown(name, offered))
        if len(matches) > 1:
            owners = " and ".join(sorted({entry.owner for entry in matches}))
            raise PluginError(f"plugin {name!r} is claimed by {owners}; uninstall one of them")
        try:
            plugin = matches[0].load()
        except (Exception, SystemExit) as error:
            raise PluginError(f"plugin {name!r} of {matches[0].owner} cannot be imported: {error!r}") from error
        self.register(plugin, name)
        self._loaded.add(name)

    def load_file(self, path: Path) -> None:
        """Use the single-file plugin at ``path``; once, however often it is named."""
        if str(path.absolute()) not in self._loaded:
            self.register(_module_of(path), str(path))
            self._loaded.add(str(path.absolute()))

    def storage(self, name: str, where: str = "") -> StorageOffer[Any]:
        """The storage that is offered as ``name``."""
        return self._offer("holdall_storages", "storage", name, where)

    def compressor(self, name: str, where: str = "") -> CompressorOffer[Any]:
        """The compressor that is offered as ``name``."""
        return self._offer("holdall_compressors", "compressor", name, where)

    def cipher(self, name: str, where: str = "") -> CipherOffer[Any]:
        """The cipher that is offered as ``name``."""
        return self._offer("holdall_ciphers", "cipher", name, where)

    def cache_policy(self, name: str, where: str = "") -> CachePolicyOffer[Any]:
        """The cache policy that is offered as ``name``."""
        return self._offer("holdall_cache_policies", "cache policy", name, where)

    def key_source(self, name: str, where: str = "") -> KeySourceOffer[Any]:
        """The key source that is offered as ``name``."""
        return self._offer("holdall_key_sources", "key source", name, where)

    def format(self, name: str) -> FormatOffer:
        """The format that a loaded or installed plugin offers as ``name``; ``holdall.formats`` knows the built-in ones."""
        return self._offer("holdall_formats", "format", name)

    def formats(self) -> list[str]:
        """The names of the formats that the loaded plugins offer."""
        return [offer.name for _, offer in self._of("holdall_formats", "format")]

    def tokenizer(self, name: str, where: str = "") -> TokenizerOffer[Any]:
        """The tokenizer that is offered as ``name``."""
        return self._offer("holdall_tokenizers", "tokenizer", name, where)

    def compactor(self, name: str, where: str = "") -> CompactorOffer[Any]:
        """The compactor that is offered as ``name``."""
        return self._offer("holdall_compactors", "compactor", name, where)

    def summariser(self, name: str, where: str = "") -> SummariserOffer[Any]:
        """The summariser that is offered as ``name``."""
        return self._offer("holdall_summarisers", "summariser", name, where)

    def search_index(self, name: str, where: str = "") -> SearchOffer[Any]:
        """The search index that is offered as ``name``."""
        return self._offer("holdall_search_indexes", "search index", name, where)

    def offers(self) -> list[Offer]:
        """Everything that the loaded plugins offer."""
        hook = self.manager.hook
        calls: Sequence[Any] = (
            hook.holdall_storages,
            hook.holdall_compressors,
            hook.holdall_ciphers,
            hook.holdall_cache_policies,
            hook.holdall_key_sources,
            hook.holdall_formats,
            hook.holdall_tokenizers,
            hook.holdall_compactors,
            hook.holdall_summarisers,
            hook.holdall_search_indexes,
        )
        return [offer for call in calls for offers in call() for offer in offers]

    def _offer(self, hook: str, kind: str, name: str, where: str = "") -> Any:
        try:
            return self._offered(hook, kind, name)
        except PluginError as error:
            if not where:
                raise
            raise PluginError(f"{where}: {error}") from error.__cause__

    def _offered(self, hook: str, kind: str, name: str) -> Any:
        offered = sorted({offer.name for _, offer in self._of(hook, kind)})
        if name not in offered:
            if name.endswith(".py"):
                raise PluginError(f"{name!r} is a file: name it in plugins, and here the {kind} that it offers")
            self.load(name, offered)
        matches = [(owner, offer) for owner, offer in self._of(hook, kind) if offer.name == name]
        if not matches:
            raise PluginError(f"plugin {name!r} is installed, but it offers no {kind} of that name{_others(offered)}")
        if len(matches) > 1:
            owners = " and ".join(repr(owner) for owner, _ in matches)
            raise PluginError(f"a {kind} named {name!r} is offered by the plugins {owners}; load one of them")
        offer = matches[0][1]
        if offer.contract != CONTRACT:
            raise PluginError(f"plugin {name!r} was written for contract {offer.contract}; this is contract {CONTRACT}")
        return offer

    def _of(self, hook: str, kind: str) -> list[tuple[str, Any]]:
        offers: list[tuple[str, Any]] = []
        for implementation in self._registry.implementing(hook):
            try:
                found = list(implementation.function())
            except Exception as error:
                raise PluginError(f"plugin {implementation.plugin_name!r} cannot offer a {kind}: {error!r}") from error
            for offer in found:
                if not isinstance(offer, getattr(hooks, CLASSES[kind])):
                    raise PluginError(
                        f"plugin {implementation.plugin_name!r} offers {type(offer).__name__}, not a {kind}"
                    )
            offers += [(implementation.plugin_name, offer) for offer in found]
        return offers

    @staticmethod
    def _unknown(name: str, offered: Sequence[str]) -> str:
        names = sorted({entry.name for entry in all_entries()})
        more = [other for other in offered if other not in names]
        hint = f"; to get it: pip install {_BUNDLED[name]}" if name in _BUNDLED else nearest(name, [*names, *more])
        told = ", ".join(names) or "none"
        return f"no plugin {name!r} is installed (installed: {told}{_others(more)}){hint}"


def _others(names: Sequence[str]) -> str:
    return f"; offered are: {', '.join(names)}" if names else ""


def _module_of(path: Path) -> ModuleType:
    import importlib.util  # noqa: PLC0415 - for single files only

    name = f"holdall_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"there is no plugin file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise PluginError(f"the plugin file {path} cannot be imported: {error!r}") from error
    return module
