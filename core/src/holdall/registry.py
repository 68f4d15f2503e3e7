"""What is registered. pluggy checks it and finds what implements a hook; a plain plugin needs no checking.

Importing pluggy and setting it up takes half as long as all of a process that reads a page. Whoever names a storage
and nothing else has one module with one function in it, marked and without arguments: about such there is nothing that
pluggy could refuse. With the first plugin that is anything else, or when ``manager`` is asked for, they are all given to it.
"""

from __future__ import annotations

import inspect
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from holdall.errors import PluginError
from holdall.hooks import KINDS, PROJECT, UNASKED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pluggy

__all__ = ["Plain", "Registry"]

_MARK = f"{PROJECT}_impl"
_MORE = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)


class Plain:
    """What implements a hook; pluggy's ``HookImpl`` has the same names."""

    __slots__ = ("argnames", "function", "plugin_name")

    def __init__(self, plugin_name: str, function: Callable[..., Any]) -> None:
        self.plugin_name = plugin_name
        self.function = function
        self.argnames: tuple[str, ...] = ()


class Registry:
    """The plugins of one store, in the order in which they came."""

    def __init__(self) -> None:
        self._plain: dict[str, ModuleType] = {}
        self._manager: pluggy.PluginManager | None = None

    @property
    def manager(self) -> pluggy.PluginManager:
        """pluggy's, with everything that is registered."""
        if self._manager is None:
            import pluggy  # noqa: PLC0415 - as above

            from holdall.specs import Specs  # noqa: PLC0415 - as above

            manager = pluggy.PluginManager(PROJECT)
            manager.add_hookspecs(Specs)
            for name, plugin in self._plain.items():
                manager.register(plugin, name)
            self._manager = manager
        return self._manager

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        return name in self._plain if self._manager is None else self._manager.has_plugin(name)

    def implementing(self, hook: str) -> Sequence[Plain]:
        """What implements ``hook``."""
        if self._manager is not None:
            return getattr(self._manager.hook, hook).get_hookimpls()
        found = [(name, vars(plugin).get(hook)) for name, plugin in self._plain.items()]
        return [Plain(name, one) for name, one in found if isinstance(one, FunctionType) and hasattr(one, _MARK)]

    def add(self, plugin: object, name: str | None) -> None:
        """Register an object; raises ``PluginError`` for one that does not fit the hooks."""
        if self._manager is None and isinstance(plugin, ModuleType) and name and self._is_new_and_plain(plugin, name):
            self._plain[name] = plugin
            return
        manager = self.manager
        from pluggy import PluginValidationError  # noqa: PLC0415 - as above

        try:
            manager.register(plugin, name)
            manager.check_pending()
            _check_hooks(manager, plugin)
        except (PluginValidationError, ValueError) as error:
            if manager.is_registered(plugin):
                manager.unregister(plugin)
            reason = " ".join(str(error).split())
            raise PluginError(f"plugin {name or plugin!r} does not fit the hooks: {reason}") from error

    def _is_new_and_plain(self, plugin: ModuleType, name: str) -> bool:
        return name not in self._plain and plugin not in self._plain.values() and _is_plain(plugin)


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            if inspect.iscoroutinefunction(implementation.function):
                raise ValueError(f"{caller.name} is asynchronous; hooks are plain functions")
            if implementation.wrapper or implementation.hookwrapper:
                raise ValueError(f"{caller.name} wraps other plugins; no behaviour depends on their order")


def _is_plain(plugin: ModuleType) -> bool:
    """Whether pluggy would take the plugin as it is: a module whose every hook is a function that only offers."""
    if type(plugin) is not ModuleType or "__dir__" in vars(plugin):
        return False
    for name, value in vars(plugin).items():
        if isinstance(value, (staticmethod, classmethod)):
            return False
        if inspect.isroutine(value) and hasattr(value, _MARK) and not _only_offers(name, value):
            return False
    return True


def _only_offers(name: str, function: object) -> bool:
    """A function without arguments, marked with no option, that registers a kind; no coroutine and no generator."""
    return (
        type(function) is FunctionType
        and name in KINDS
        and vars(function) == {_MARK: UNASKED}
        and not function.__code__.co_argcount
        and not function.__code__.co_kwonlyargcount
        and not function.__code__.co_flags & _MORE
    )
