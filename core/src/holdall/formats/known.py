"""The formats that there are: the built-in ones, and those of the plugins that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.entries import entries_named
from holdall.errors import Invalid
from holdall.formats import builtin
from holdall.formats.kinds import Reader, Writer
from holdall.formats.sources import Source
from holdall.hooks import FormatOffer
from holdall.opening import load_named
from holdall.plugins import Plugins
from holdall.settings import Settings
from holdall.spelling import one_of

__all__ = ["Formats"]

_POINTER = "/format"


class Formats:
    """Every format that can be named. What a name stands for is imported when it is used."""

    def __init__(self, plugins: Plugins | None = None, *, installed: bool = False) -> None:
        """The formats of ``plugins`` and the built-in ones; with ``installed`` also those of plugins not loaded yet."""
        self._plugins = plugins or Plugins()
        self._installed = installed
        if not self._plugins.manager.is_registered(builtin):
            self._plugins.register(builtin, "holdall's own formats")

    @classmethod
    def of(cls, settings: Settings, *, installed: bool = False) -> Formats:
        """The formats of a configuration; raises ``PluginError`` when a plugin that it names cannot be loaded."""
        plugins = Plugins()
        load_named(settings, plugins)
        return cls(plugins, installed=installed)

    @property
    def offers(self) -> Sequence[FormatOffer]:
        """All of them, the built-in ones first; raises ``PluginError`` when two have one name."""
        own = [offer.name for offer in builtin.holdall_formats()]
        others = sorted(set(self._plugins.formats()).difference(own))
        return [self._plugins.format(name) for name in (*own, *others)]

    @property
    def readable(self) -> list[str]:
        """The names of those that can be imported."""
        return [offer.name for offer in self.offers if offer.reader is not None]

    @property
    def writable(self) -> list[str]:
        """The names of those that can be exported to."""
        return [offer.name for offer in self.offers if offer.writer is not None]

    def offer(self, name: str, *, writes: bool) -> FormatOffer:
        """The format called ``name``, to read or to write it; raises ``Invalid`` with what there is instead."""
        if name not in self._plugins.formats() and not (self._installed and entries_named(name)):
            raise Invalid(self._unknown(name, writes=writes), pointer=_POINTER)
        offer = self._plugins.format(name)
        if (offer.writer if writes else offer.reader) is None:
            use, other = ("import", "export") if writes else ("export", "import")
            names = ", ".join(self.writable if writes else self.readable)
            raise Invalid(f"{name!r} can only be {use}ed; to {other} there are {names}", pointer=_POINTER)
        return offer

    def check_every(self, name: str, branch: str | None) -> None:
        """Raise ``Invalid`` unless the format ``name`` can write all branches, and none is named."""
        if branch is not None:
            raise Invalid("name a branch, or ask for all, not both", pointer="/branch")
        if not self.offer(name, writes=True).every:
            names = ", ".join(offer.name for offer in self.offers if offer.every)
            raise Invalid(f"{name!r} is of one branch; all of them go to {names}", pointer="/branches")

    def reader(self, name: str) -> Reader:
        """What reads the format ``name``; raises ``Invalid`` where nothing does."""
        make = self.offer(name, writes=False).reader
        assert make is not None  # noqa: S101 - as ``offer`` makes sure
        return make()

    def writer(self, name: str) -> Writer:
        """What writes the format ``name``; raises ``Invalid`` where nothing does."""
        make = self.offer(name, writes=True).writer
        assert make is not None  # noqa: S101 - as ``offer`` makes sure
        return make()

    def detect(self, source: Source) -> str | None:
        """Which format a file is of: the one that knows it by its earliest line. ``None``: no format knows it.

        Raises ``Invalid`` when several know it by the same line.
        """
        found: dict[int, list[str]] = {}
        for offer in self.offers:
            line = None if offer.reader is None else offer.reader().knows(source)
            if line is not None:
                found.setdefault(line, []).append(offer.name)
        names = found[min(found)] if found else []
        if len(names) > 1:
            raise Invalid(f"it may be {' or '.join(names)}; name its format with --format")
        return names[0] if names else None

    def _unknown(self, name: str, *, writes: bool) -> str:
        names = self.writable if writes else self.readable
        return one_of(names, name)
