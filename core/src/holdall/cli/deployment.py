"""Everything about a configuration that can be known without starting it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from os import PathLike
from typing import Any, cast

from holdall import opening
from holdall.checking import checked, field_names
from holdall.condensing import check_condensing
from holdall.contract import Abilities
from holdall.encrypting import check_encryption
from holdall.errors import SettingsError
from holdall.folders.private import absolute
from holdall.formats import Formats
from holdall.indexing import check_search
from holdall.plugins import Plugins, installed
from holdall.settings import (
    CompactionSettings,
    ServerSettings,
    Settings,
    StorageRef,
    SummariesSettings,
    TokenizerSettings,
)

__all__ = ["examined"]


def examined(settings: Settings) -> dict[str, str]:
    """What the configuration comes to, in words; raises at the first thing that is wrong with it."""
    plugins = Plugins()
    opening.codec_of(settings, plugins)
    check_encryption(settings, plugins)
    check_search(settings, plugins)
    storages = list(_storages(settings.storage, plugins, "storage"))
    abilities = opening.abilities_of(settings, plugins)
    check_condensing(settings, plugins)
    formats = _formats(plugins)
    if settings.cache.policy is not None:
        policy = plugins.cache_policy(settings.cache.policy, "cache.policy")
        checked(policy.settings, settings.cache.options, f"cache.options of {policy.name!r}")
    refusal = _refusal(settings, abilities)
    if refusal is not None and settings.server != ServerSettings():
        raise SettingsError(refusal)
    facts = {"holdall": metadata.version("holdall"), "storage": ", over ".join(_plugin(name) for name, _ in storages)}
    paths = [path for _, options in storages for path in _paths(options)]
    if paths:
        facts["path"] = ", ".join(paths)
    facts["durability"] = abilities.durability.label
    facts["shared"] = "yes" if abilities.shared else "no"
    facts["compression"] = _plugin(settings.compression.use)
    facts["encryption"] = _encryption(settings)
    facts["cache"] = f"{_plugin(settings.cache.policy, 'least recently used')}, {settings.cache.max_bytes:,} bytes"
    if settings.search.use is not None:
        facts["search"] = _plugin(settings.search.use)
    facts |= _condensing(settings)
    if formats:
        facts["formats"] = ", ".join(formats)
    if settings.plugins:
        facts["plugins"] = ", ".join(map(_plugin, settings.plugins))
    facts["listens"] = _listens(settings)
    facts["clients"] = _clients(settings)
    if refusal is not None:
        facts["note"] = f"`holdall serve` would refuse this: {refusal}"
    return facts


def _storages(ref: StorageRef, plugins: Plugins, where: str) -> Iterator[tuple[str, Any]]:
    """The storage that ``ref`` names and those nested in its options, each with its options checked."""
    options = opening.options_of(plugins.storage(ref.use, f"{where}.use"), ref.options, f"{where}.options")
    yield ref.use, options
    for name, value in _nested(options):
        yield from _storages(value, plugins, f"{where}.options.{name}")


def _paths(options: Any) -> Iterator[str]:
    """Where a storage keeps what it keeps: its paths, from the root."""
    for name in _names(options):
        value = getattr(options, name)
        if isinstance(value, PathLike):
            yield absolute(cast("PathLike[str]", value))


def _nested(options: Any) -> Iterator[tuple[str, StorageRef]]:
    for name in _names(options):
        value = getattr(options, name)
        several: Iterable[tuple[str, Any]] = [(name, value)]
        if isinstance(value, Mapping):
            several = ((f"{name}.{key}", item) for key, item in cast("Mapping[str, Any]", value).items())
        elif isinstance(value, Sequence):
            several = ((f"{name}.{index}", item) for index, item in enumerate(cast("Sequence[Any]", value)))
        yield from ((place, item) for place, item in several if isinstance(item, StorageRef))


def _names(options: Any) -> tuple[str, ...]:
    return field_names(cast("type[Any]", type(options)))


def _refusal(settings: Settings, abilities: Abilities) -> str | None:
    """Why the server would not start, as it says itself where it is installed."""
    try:
        checks: Any = importlib.import_module("holdall_server.checks")
    except ModuleNotFoundError:
        workers, name = settings.server.workers, settings.storage.use
        alone = workers > 1 and not abilities.shared
        return f"server.workers is {workers}, but {name!r} can be opened by one process only" if alone else None
    try:
        checks.check(settings)
    except SettingsError as error:
        return str(error)
    return None


def _plugin(name: str | None, otherwise: str = "none") -> str:
    """A plugin with the package that it comes from."""
    if name is None:
        return otherwise
    package = next((found for found in installed() if found.name == name), None)
    return name if package is None else f"{name} ({package.distribution} {package.version})"


def _encryption(settings: Settings) -> str:
    section = settings.encryption
    told = _plugin(section.use)
    if section.keys.use is not None:
        told += f", keys from {section.keys.use!r}"
    return told if section.plaintext == "refuse" else f"{told}; plaintext is accepted"


def _formats(plugins: Plugins) -> list[str]:
    """The formats of the plugins that the configuration names; raises ``PluginError`` for one that cannot be used."""
    own = {offer.name for offer in Formats().offers}
    return [offer.name for offer in Formats(plugins).offers if offer.name not in own]


def _condensing(settings: Settings) -> dict[str, str]:
    """What compaction and summaries use, where the configuration says something of them."""
    facts: dict[str, str] = {}
    if settings.compaction != CompactionSettings():
        facts["compaction"] = (
            f"{', '.join(map(_plugin, settings.compaction.use))}; {settings.compaction.budget:,} tokens"
        )
    if settings.summaries != SummariesSettings():
        facts["summaries"] = _plugin(settings.summaries.use)
    if settings.tokenizer != TokenizerSettings():
        facts["tokenizer"] = _plugin(settings.tokenizer.use)
    return facts


def _listens(settings: Settings) -> str:
    server = settings.server
    scheme = "https" if server.tls_cert else "http"
    host = f"[{server.host}]" if ":" in server.host else server.host
    try:
        package = f"holdall-server {metadata.version('holdall-server')}"
    except metadata.PackageNotFoundError:
        package = "needs holdall-server, which is not installed"
    plural = "" if server.workers == 1 else "s"
    return f"{scheme}://{host}:{server.port}, {server.workers} worker{plural} ({package})"


def _clients(settings: Settings) -> str:
    server = settings.server
    told = [f"{token.owner} ({'admin' if token.admin else 'token'})" for token in server.tokens]
    if server.anonymous is not None:
        told.append(f"without a token: {server.anonymous}")
    return ", ".join(told) or "none"
