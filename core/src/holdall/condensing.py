"""The tokenizer, the compactors and the summariser that a configuration names, opened when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from holdall.checking import checked
from holdall.errors import HoldallError, PluginError
from holdall.plugins import Plugins
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.squeezing import Strategy
from holdall.sessions.compaction.tools import Maker
from holdall.settings import Settings

__all__ = ["ConfiguredTools"]

T = TypeVar("T")


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
        self.most = settings.summaries.most

    @property
    def counter(self) -> Counter:
        """Counts by the configured tokenizer."""
        if self._counter is None:
            section = self._settings.tokenizer
            offer = self._plugins.tokenizer(section.use)
            options = checked(offer.settings, section.options, f"tokenizer.options of {section.use!r}")
            self._counter = Counter(_opened("tokenizer", section.use, lambda: offer.open(options)))
        return self._counter

    def strategies(self, names: Sequence[str] | None = None) -> list[Strategy]:
        """The compactors called ``names``, or those that are configured."""
        return [self._strategy(name) for name in (self._settings.compaction.use if names is None else names)]

    def maker(self, name: str | None = None) -> Maker:
        """The summariser called ``name``, or the one that is configured."""
        section = self._settings.summaries
        name = section.use if name is None else name
        if name not in self._makers:
            offer = self._plugins.summariser(name)
            options = section.options if name == section.use else {}
            made = checked(offer.settings, options, f"summaries.options of {name!r}")
            self._makers[name] = Maker(name, _opened("summariser", name, lambda: offer.open(made)))
        return self._makers[name]

    def check(self) -> None:
        """Open everything that is configured; raises ``PluginError`` or ``SettingsError``."""
        self.counter  # noqa: B018 - is opened by being looked at
        self.strategies()
        self.maker()

    def _strategy(self, name: str) -> Strategy:
        if name not in self._strategies:
            offer = self._plugins.compactor(name)
            options = self._settings.compaction.options.get(name, {})
            made = checked(offer.settings, options, f"compaction.options.{name}")
            self._strategies[name] = Strategy(name, _opened("compactor", name, lambda: offer.open(made)))
        return self._strategies[name]


def _opened(kind: str, name: str, make: Callable[[], T]) -> T:
    """What a plugin makes; what goes wrong in it names it."""
    try:
        return make()
    except HoldallError:
        raise
    except Exception as error:
        raise PluginError(f"{kind} {name!r} cannot be opened: {error!r}") from error
