"""Calls the plugins that take part: those that shape a creation may veto it; those that watch are contained."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from holdall.errors import PluginError, Refused
from holdall.plugins import Plugins

if TYPE_CHECKING:
    from holdall.registry import Plain
    from holdall.sessions.events import Draft, Event

__all__ = ["Observers"]

log = logging.getLogger("holdall.plugins")


class Observers:
    """The hooks of one store's plugins, called one by one, so that one that raises hides no other."""

    def __init__(self, plugins: Plugins) -> None:
        self._creating = plugins.implementing("holdall_creating")
        self._watching = plugins.implementing("holdall_observe")

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watching)

    def creating(self, draft: Draft) -> None:
        """Show a draft to each plugin. ``Refused`` goes through; anything else names the plugin."""
        named = draft.id, draft.owner
        for implementation in self._creating:
            try:
                _call(implementation, draft=draft)
            except Refused:
                raise
            except Exception as error:
                name = implementation.plugin_name
                raise PluginError(f"plugin {name!r} failed while a session was created: {error!r}") from error
            if (draft.id, draft.owner) != named:
                name = implementation.plugin_name
                raise PluginError(f"plugin {name!r} changed the id or the owner of a session that was created")

    def observe(self, event: Event) -> None:
        """Tell each plugin; what it raises is reported, and the others are told all the same."""
        for implementation in self._watching:
            try:
                _call(implementation, event=event)
            except Exception:
                log.exception("plugin %r failed to observe %s", implementation.plugin_name, event.kind)


def _call(implementation: Plain, **arguments: Any) -> None:
    """Call a hook with those of ``arguments`` that it declares; it may leave some out."""
    implementation.function(**{name: arguments[name] for name in implementation.argnames})
