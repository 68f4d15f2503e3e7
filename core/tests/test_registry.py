"""What is registered: hooks are checked, and known alike whether pluggy had to be asked or not."""

from __future__ import annotations

import contextlib
import inspect
import re
import textwrap
import types

import pytest
from pluggy import HookimplMarker
from support.offers import offer

from holdall import hookimpl
from holdall.errors import PluginError
from holdall.hooks import KINDS, PROJECT, Specs, hookspec
from holdall.plugins import Plugins


class Misspelt:
    @hookimpl
    def holdall_creatign(self, draft):
        pass


class Misnamed:
    @hookimpl
    def holdall_creating(self, darft):
        pass


class Asynchronous:
    @hookimpl
    async def holdall_observe(self, event):
        pass


class Wrapping:
    @hookimpl(wrapper=True)
    def holdall_observe(self, event):
        return (yield)


@pytest.mark.covers("ST-05")
@pytest.mark.parametrize(
    ("plugin", "words"),
    [(Misspelt, "holdall_creatign"), (Misnamed, "darft"), (Asynchronous, "asynchronous"), (Wrapping, "wraps")],
)
def test_a_hook_that_would_never_be_called_is_refused_at_once(plugin, words):
    plugins = Plugins()
    with pytest.raises(PluginError, match=words) as caught:
        plugins.register(plugin(), "mine")
    assert re.match("plugin 'mine' does not fit the hooks", str(caught.value))
    assert "\n" not in str(caught.value)
    assert not plugins.manager.has_plugin("mine")


def module(code, name="zz_made"):
    made = types.ModuleType(name)
    made.__dict__.update({"hookimpl": hookimpl, "pluggy_impl": HookimplMarker("holdall"), "offer": offer})
    exec(textwrap.dedent(code), made.__dict__)
    return made


def told(plugins, registered):
    """All that can be known of plugins once ``registered`` are registered in turn."""
    faults = []
    for name, plugin in registered:
        try:
            plugins.register(plugin, name)
        except PluginError as error:
            faults.append(str(error))
    return faults, implementing(plugins), plugins.manager.list_name_plugin()


def implementing(plugins):
    names = [name for name in vars(Specs) if name.startswith("holdall_")]
    return {
        name: [(one.plugin_name, one.function, one.argnames) for one in plugins.implementing(name)] for name in names
    }


ONE = "def holdall_storages():\n    return [offer(name='one')]"
MODULES = {
    "plain": (True, f"@hookimpl\n{ONE}"),
    "pluggy's marker": (True, f"@pluggy_impl\n{ONE}"),
    "no hooks": (True, "x = 1"),
    "two hooks": (True, f"@hookimpl\n{ONE}\n@hookimpl\ndef holdall_ciphers():\n    return []"),
    "first": (False, f"@hookimpl(tryfirst=True)\n{ONE}"),
    "last": (False, f"@hookimpl(trylast=True)\n{ONE}"),
    "another name": (False, "@hookimpl(specname='holdall_storages')\ndef mine():\n    return []"),
    "wrapper": (False, "@hookimpl(wrapper=True)\ndef holdall_storages():\n    return (yield)"),
    "old wrapper": (False, "@hookimpl(hookwrapper=True)\ndef holdall_storages():\n    yield"),
    "coroutine": (False, "@hookimpl\nasync def holdall_storages():\n    return []"),
    "generator": (False, "@hookimpl\ndef holdall_storages():\n    yield offer(name='one')"),
    "unknown": (False, "@hookimpl\ndef holdall_storage():\n    return []"),
    "optional": (False, "@hookimpl(optionalhook=True)\ndef holdall_storage():\n    return []"),
    "arguments": (False, "@hookimpl\ndef holdall_storages(extra):\n    return []"),
    "a default": (False, "@hookimpl\ndef holdall_storages(extra=1):\n    return []"),
    "any arguments": (False, "@hookimpl\ndef holdall_storages(*any, **more):\n    return []"),
    "observer": (False, "@hookimpl\ndef holdall_observe(event):\n    pass"),
    "method": (False, "class A:\n    @hookimpl\n    def of(self):\n        return []\nholdall_storages = A().of\n"),
    "static": (False, f"@hookimpl\n{ONE}\nholdall_storages = staticmethod(holdall_storages)"),
    "class": (True, "@hookimpl\nclass holdall_storages:\n    pass"),
}


@pytest.mark.covers("ST-05")
@pytest.mark.parametrize("name", MODULES)
def test_a_plugin_is_known_alike_whether_pluggy_was_asked_or_not(name):
    plain, code = MODULES[name]
    first, other = module(f"@hookimpl\n{ONE}", "zz_first"), module(code)
    registered = [
        ("first", first),
        ("mine", other),
        ("mine", module("")),
        ("again", other),
        (None, module("x = 1", "zz_unnamed")),
    ]
    asked = Plugins()
    assert asked.manager.get_plugins() == set()
    unasked = Plugins()
    unasked.register(first, "first")
    with contextlib.suppress(PluginError):
        unasked.register(other, "mine")
    assert (unasked._registry._manager is None) == plain
    before = implementing(unasked)
    assert unasked.manager is not None
    assert implementing(unasked) == before
    assert without_places(told(Plugins(), registered)) == without_places(told(asked, registered))


def without_places(known):
    """``known``, where errors say of no manager what it knew by that time."""
    return [fault.partition("{")[0] for fault in known[0]], *known[1:]


def test_the_hooks_that_register_kinds_take_nothing_and_are_all_there_are():
    given = {
        name: inspect.signature(hook).parameters.keys() - {"self"}
        for name, hook in vars(Specs).items()
        if name[:1] != "_"
    }
    assert {name for name, parameters in given.items() if not parameters} == KINDS
    assert set(given) == KINDS | {"holdall_creating", "holdall_observe"}
    assert hookspec.project_name == hookimpl.project_name == PROJECT


@pytest.mark.parametrize("options", [{}, {"tryfirst": True}, {"wrapper": True}, {"specname": "holdall_observe"}])
def test_a_hook_is_marked_as_pluggy_marks_it(options):
    ours, theirs = (types.FunctionType(Misspelt.holdall_creatign.__code__, {}) for _ in range(2))
    assert (hookimpl(**options)(ours) if options else hookimpl(ours)) is ours
    HookimplMarker("holdall")(theirs, **options)
    assert ours.holdall_impl == theirs.holdall_impl
