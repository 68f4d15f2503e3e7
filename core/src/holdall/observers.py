"""Calls the plugins that take part: those that shape a creation may veto it; those that watch are contained."""

from __future__ import annotations

import logging

from holdall.errors import PluginError, Refused
from holdall.plugins import Plugins
from holdall.sessions.events import Draft, Event

__all__ = ["Observers"]

log = logging.getLogger("holdall.plugins")


class Observers:
    """The hooks of one store's plugins, called one by one, so that one that raises hides no other."""

    def __init__(self, plugins: Plugins) -> None:
        self._creating = plugins.manager.hook.holdall_creating.get_hookimpls()
        self._watching = plugins.manager.hook.holdall_observe.get_hookimpls()
        self.failures = 0

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watching)

    def creating(self, draft: Draft) -> None:
        """Show a draft to each plugin. ``Refused`` goes through; anything else names the plugin."""
        for implementation in self._creating:
            try:
                implementation.function(draft=draft)
            except Refused:
                raise
            except Exception as error:
                name = implementation.plugin_name
                raise PluginError(f"plugin {name!r} failed while a session was created: {error!r}") from error

    def observe(self, event: Event) -> None:
        """Tell each plugin; what it raises is reported, and the others are told all the same."""
        for implementation in self._watching:
            try:
                implementation.function(event=event)
            except Exception:
                self.failures += 1
                log.exception("plugin %r failed to observe %s", implementation.plugin_name, event.kind)
