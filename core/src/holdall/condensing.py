"""The tokenizer, the compactors and the summariser that a configuration names, opened when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdall.checking import checked
from holdall.offers import CompactorOffer, SummariserOffer, TokenizerOffer
from holdall.plugins import Plugins, opened
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.squeezing import Strategy
from holdall.sessions.compaction.tools import Maker
from holdall.settings import CompactionSettings, Settings, SummariesSettings, TokenizerSettings

__all__ = ["ConfiguredTools", "check_condensing", "open_condensing"]


class ConfiguredTools:
    """See ``sessions.compaction.tools.Tools``."""

    def __init__(self, settings: Settings, plugins: Plugins) -> None:
        self._settings = settings
        self._plugins = plugins
        self._strategies: dict[str, Strategy] = {}
        self._counter: Counter | None = None
        self._makers: dict[str, Maker] = {}
        self.tokenizer = settings.tokenizer.use
        self.budget = settings.compaction.budget
        self.above = settings.compaction.above
        self.most = settings.summaries.most

    @property
    def counter(self) -> Counter:
        """Counts by the configured tokenizer."""
        if self._counter is None:
            section = self._settings.tokenizer
            offer, options = _tokenizer(section, self._plugins)
            self._counter = Counter(opened("tokenizer", section.use, lambda: offer.open(options)))
        return self._counter

    def strategies(self, names: Sequence[str] | None = None) -> list[Strategy]:
        """The compactors called ``names``, or those that are configured."""
        return [self._strategy(name) for name in (self._settings.compaction.use if names is None else names)]

    def maker(self, name: str | None = None) -> Maker:
        """The summariser called ``name``, or the one that is configured."""
        section = self._settings.summaries
        name = section.use if name is None else name
        if name not in self._makers:
            offer, options = _summariser(section, self._plugins, name)
            self._makers[name] = Maker(name, opened("summariser", name, lambda: offer.open(options)))
        return self._makers[name]

    def _strategy(self, name: str) -> Strategy:
        if name not in self._strategies:
            offer, options = _compactor(self._settings.compaction, self._plugins, name)
            self._strategies[name] = Strategy(name, opened("compactor", name, lambda: offer.open(options)))
        return self._strategies[name]


def check_condensing(settings: Settings, plugins: Plugins) -> None:
    """Raise ``PluginError`` or ``SettingsError`` for what is wrong with the sections that were changed; opens nothing."""
    if settings.tokenizer != TokenizerSettings():
        _tokenizer(settings.tokenizer, plugins)
    if settings.summaries != SummariesSettings():
        _summariser(settings.summaries, plugins, settings.summaries.use)
    if settings.compaction != CompactionSettings():
        for name in dict.fromkeys((*settings.compaction.use, *settings.compaction.options)):
            _compactor(settings.compaction, plugins, name)


def open_condensing(settings: Settings, plugins: Plugins) -> list[str]:
    """Open what the sections name that were changed, as its first use would; says what that was."""
    tools, found = ConfiguredTools(settings, plugins), list[str]()
    if settings.tokenizer != TokenizerSettings() and tools.counter:
        found.append("tokenizer")
    if settings.summaries != SummariesSettings() and tools.maker():
        found.append("summariser")
    if settings.compaction != CompactionSettings() and tools.strategies():
        found.append("compactors")
    return found


def _tokenizer(section: TokenizerSettings, plugins: Plugins) -> tuple[TokenizerOffer[Any], Any]:
    offer = plugins.tokenizer(section.use, "tokenizer.use")
    return offer, checked(offer.settings, section.options, f"tokenizer.options of {section.use!r}")


def _summariser(section: SummariesSettings, plugins: Plugins, name: str) -> tuple[SummariserOffer[Any], Any]:
    offer = plugins.summariser(name, "summaries.use" if name == section.use else "")
    options = section.options if name == section.use else {}
    return offer, checked(offer.settings, options, f"summaries.options of {name!r}")


def _compactor(section: CompactionSettings, plugins: Plugins, name: str) -> tuple[CompactorOffer[Any], Any]:
    named = "compaction.use" if name in section.use else "compaction.options" if name in section.options else ""
    offer = plugins.compactor(name, named)
    return offer, checked(offer.settings, section.options.get(name, {}), f"compaction.options.{name}")
