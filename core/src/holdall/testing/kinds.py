"""The kinds of plugin that the kit knows, and which of them a name or a single file means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from holdall.checking import checked
from holdall.errors import PluginError
from holdall.hooks import (
    CachePolicyOffer,
    CipherOffer,
    CompactorOffer,
    CompressorOffer,
    FormatOffer,
    KeySourceOffer,
    SearchOffer,
    StorageOffer,
    SummariserOffer,
    TokenizerOffer,
)
from holdall.plugins import Plugins, installed

__all__ = ["Kind", "Tested", "one", "options_for", "tested"]

Kind = Literal[
    "storage",
    "compressor",
    "cipher",
    "cache policy",
    "key source",
    "tokenizer",
    "compactor",
    "summariser",
    "search index",
    "format",
]

_KINDS: Mapping[type, Kind] = {
    StorageOffer: "storage",
    CompressorOffer: "compressor",
    CipherOffer: "cipher",
    CachePolicyOffer: "cache policy",
    KeySourceOffer: "key source",
    TokenizerOffer: "tokenizer",
    CompactorOffer: "compactor",
    SummariserOffer: "summariser",
    SearchOffer: "search index",
    FormatOffer: "format",
}
_FINDERS: Mapping[Kind, str] = {kind: kind.replace(" ", "_") for kind in _KINDS.values()}


@dataclass(frozen=True, slots=True)
class Tested:
    """One offer to be tested; ``file`` is set when it is of a single file."""

    kind: Kind
    plugin: str
    file: str | None
    offer: Any

    @property
    def version(self) -> str:
        """The version of the distribution that it comes from."""
        if self.file is not None:
            return "(a single file)"
        return next((one.version for one in installed() if one.name == self.plugin), "?")


def tested(plugin: str, file: str | Path | None) -> list[Tested]:
    """The offers, at most one of a kind, that ``plugin`` means.

    It is the name of an installed plugin, the name of one that ``file`` offers, or the path of a file, whose offers
    must then have one name. Raises ``PluginError`` where there is nothing to test.
    """
    plugins = Plugins()
    if file is None and plugin.endswith(".py"):
        file = plugin
        plugins.load_file(Path(file))
        names = {offer.name for offer in plugins.offers()}
        if len(names) != 1:
            raise PluginError(f"{file} offers {', '.join(sorted(names)) or 'nothing'}; say which one is meant")
        plugin = names.pop()
    elif file is not None:
        plugins.load_file(Path(file))
    else:
        plugins.load(plugin)
    where = None if file is None else str(Path(file).resolve())
    kinds: list[Kind] = [
        _KINDS[type(offer)] for offer in plugins.offers() if offer.name == plugin and type(offer) in _KINDS
    ]
    if not kinds:
        raise PluginError(
            f"plugin {plugin!r} offers nothing of its name that the kit could test: {', '.join(_FINDERS)}"
        )
    return [Tested(kind, plugin, where, getattr(plugins, _FINDERS[kind])(plugin)) for kind in dict.fromkeys(kinds)]


def one(kind: Kind, plugin: str, file: str | Path | None = None) -> Tested:
    """The offer of this ``kind``; raises ``PluginError`` when there is none."""
    for found in tested(plugin, file):
        if found.kind == kind:
            return found
    raise PluginError(f"plugin {plugin!r} offers no {kind} of that name")


def options_for(found: Tested, options: Mapping[str, Any]) -> Any:
    """``options`` as the offer's own settings."""
    return checked(found.offer.settings, options, f"options of {found.plugin!r}")
