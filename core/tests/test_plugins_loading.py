"""Finding plugins: only what is named is imported, and every failure names the plugin.

Covers PL-01.
"""

from __future__ import annotations

import sys
import textwrap
import zipfile

import pytest
from support.offers import MEMORY, offer

import holdall
from holdall import hookimpl
from holdall.entries import _listed, all_entries, entries_named
from holdall.errors import PluginError
from holdall.hooks import NoSettings
from holdall.plugins import Plugins, installed


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lets a test install distributions with one module and entry points of the group ``holdall``."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    _listed.cache_clear()

    def add(distribution, code="", entries=("x",), module=None):
        module = module or distribution.replace("-", "_")
        (folder / f"{module}.py").write_text(textwrap.dedent(code))
        info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\nSummary: a test\n")
        lines = "".join(f"{name} = {module}\n" for name in entries)
        (info / "entry_points.txt").write_text(f"[holdall]\n{lines}")
        _listed.cache_clear()
        return folder

    yield add
    _listed.cache_clear()
    for name in [name for name in sys.modules if name.startswith("zz_")]:
        del sys.modules[name]


@pytest.mark.covers("ST-05")
async def test_only_the_plugin_that_is_named_is_imported(install):
    shout = "from pathlib import Path\nPath(__file__).with_suffix('.imported').touch()\n"
    folder = install("zz-loud", shout, ["loud"])
    install("zz-broken", "raise RuntimeError('broken when imported')", ["broken"])
    install("zz-named", shout, ["named"])
    assert {"loud", "broken", "named", "memory"} <= {plugin.name for plugin in installed()}
    async with holdall.open({"storage": {"use": "memory"}, "plugins": ["named"]}):
        pass
    assert [path.name for path in folder.glob("*.imported")] == ["zz_named.imported"]


@pytest.mark.covers("ST-05")
def test_installed_plugins_are_described_by_their_metadata(install):
    install("zz-broken", "raise RuntimeError", ["broken"])
    found = {plugin.name: plugin for plugin in installed()}["broken"]
    assert (found.module, found.distribution, found.version, found.summary) == (
        "zz_broken",
        "zz-broken",
        "1.2",
        "a test",
    )


@pytest.mark.covers("ST-05")
def test_a_plugin_that_cannot_be_imported_is_named_with_its_distribution(install):
    install("zz-broken", "raise RuntimeError('broken when imported')", ["broken"])
    with pytest.raises(
        PluginError, match=r"plugin 'broken' of zz-broken 1\.2 cannot be imported: .*broken when imported"
    ):
        Plugins().storage("broken")


@pytest.mark.covers("ST-05")
def test_two_distributions_that_claim_one_name_are_both_named(install):
    install("zz-one", entries=["twice"])
    install("zz-two", entries=["twice"])
    with pytest.raises(PluginError, match=r"'twice' is claimed by zz-one 1\.2 and zz-two 1\.2"):
        Plugins().storage("twice")


def declared(folder, lines):
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {folder.name.split('-')[0]}\nVersion: 3\n")
    (folder / "entry_points.txt").write_text(lines)


@pytest.mark.covers("ST-05")
def test_entry_points_are_read_as_the_library_reads_them(tmp_path, monkeypatch):
    """Sections, comments, objects inside modules, extras, egg folders; a distribution hides later ones of its name."""
    lines = "# [holdall]\n[console_scripts]\nno = a:b\n[holdall]\n# no = c\n one=zz_one\n\ntwo = zz_two:a.b [extra]\n"
    declared(tmp_path / "first/zz_a-3.dist-info", lines)
    declared(tmp_path / "second/ZZ_a-2.dist-info", "[holdall]\nhidden = zz_h\n")
    declared(tmp_path / "second/zz_b-3-py3.11.egg-info", "[other]\nno = x\n[holdall]\nthree = zz_three\n")
    (tmp_path / "second/zz_c-3.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / name) for name in ("gone", "first", "second")])
    found = {(entry.name, entry.value) for entry in _listed(tuple(sys.path))}
    assert found == {(entry.name, entry.value) for entry in all_entries()}
    assert found == {("one", "zz_one"), ("two", "zz_two:a.b [extra]"), ("three", "zz_three")}
    (tmp_path / "first/zz_two.py").write_text("class a:\n    b = 5\n")
    (two,) = entries_named("two")
    assert (two.load(), two.owner) == (5, "zz_a 3")


@pytest.mark.covers("ST-05")
def test_a_plugin_in_an_archive_is_found(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "zz.zip", "w") as archive:
        archive.writestr("zz_zipped.py", "")
        archive.writestr("zz_zipped-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: zz-zipped\nVersion: 1\n")
        archive.writestr("zz_zipped-1.dist-info/entry_points.txt", "[holdall]\nzipped = zz_zipped\n")
    monkeypatch.syspath_prepend(tmp_path / "zz.zip")
    (found,) = entries_named("zipped")
    assert (found.load().__name__, found.owner) == ("zz_zipped", "zz-zipped 1")


@pytest.mark.covers("ST-05")
@pytest.mark.parametrize(
    ("name", "words"),
    [("memroy", "did you mean 'memory'?"), ("cassandra", "(installed: "), ("", "no plugin ''")],
)
def test_an_unknown_name_says_what_is_near_and_what_is_installed(name, words):
    with pytest.raises(PluginError) as caught:
        Plugins().storage(name)
    assert words in str(caught.value)
    assert "memory" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_our_own_packages_are_ever_advised(monkeypatch):
    from holdall import plugins  # noqa: PLC0415

    for name in ("cassandra", "./shelf", "house_rules", "mem", ""):
        with pytest.raises(PluginError) as caught:
            Plugins().storage(name)
        assert "pip" not in str(caught.value)
    monkeypatch.setattr(plugins, "all_entries", list)
    monkeypatch.setattr(plugins, "entries_named", lambda _: [])
    with pytest.raises(PluginError, match=r"\(installed: none\); to get it: pip install holdall-tinydb$"):
        Plugins().storage("tinydb")


def test_a_plugin_that_offers_something_else_is_told_apart(install):
    install("zz-empty", entries=["empty"])
    with pytest.raises(PluginError, match="'empty' is installed, but it offers no storage of that name"):
        Plugins().storage("empty")
    with pytest.raises(PluginError, match="'memory' is installed, but it offers no compressor"):
        Plugins().compressor("memory")


class Offers:
    def __init__(self, result):
        self.result = result

    @hookimpl
    def holdall_storages(self):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (RuntimeError("no driver"), "plugin 'odd' cannot offer a storage: .*no driver"),
        (None, "plugin 'odd' cannot offer a storage"),
        ([5], "plugin 'odd' offers int, not a storage"),
        ([offer(name="odd"), offer(name="odd")], "storage named 'odd' is offered by the plugins 'odd' and 'odd'"),
        ([offer(name="odd", contract=99)], "'odd' was written for contract 99; this is contract 1"),
    ],
)
def test_what_is_wrong_with_an_offer_names_the_plugin(result, words):
    plugins = Plugins()
    plugins.register(Offers(result), "odd")
    with pytest.raises(PluginError, match=words):
        plugins.storage("odd")


def test_an_offer_that_names_no_contract_was_written_for_the_first(monkeypatch):
    from holdall import hooks, plugins  # noqa: PLC0415

    assert offer(name="odd", contract=1).contract == 1
    for name in ("StorageOffer", "CompressorOffer", "CipherOffer", "CachePolicyOffer", "KeySourceOffer"):
        assert getattr(hooks, name).__dataclass_fields__["contract"].default == 1
    loaded = Plugins()
    loaded.register(Offers([offer(name="new", contract=2), offer(name="old", contract=1)]), "both")
    with pytest.raises(PluginError, match=r"^plugin 'new' was written for contract 2; this is contract 1$"):
        loaded.storage("new")
    monkeypatch.setattr(plugins, "CONTRACT", 2)
    with pytest.raises(PluginError, match=r"^plugin 'old' was written for contract 1; this is contract 2$"):
        loaded.storage("old")


def test_two_loaded_plugins_that_offer_one_name_are_both_named():
    plugins = Plugins()
    plugins.register(Offers([offer(name="same")]), "first")
    plugins.register(Offers([offer(name="same")]), "second")
    with pytest.raises(PluginError, match="'first' and 'second'"):
        plugins.storage("same")


def test_a_plugin_is_registered_once():
    plugins = Plugins()
    plugins.register(Offers([]), "one")
    with pytest.raises(PluginError, match="'one'"):
        plugins.register(Offers([]), "one")


@pytest.mark.covers("ST-05")
async def test_a_single_file_is_a_plugin(tmp_path):
    path = tmp_path / "jar.py"
    path.write_text(
        textwrap.dedent("""
        from dataclasses import fields
        from holdall import StorageOffer, hookimpl
        import holdall_memory

        @hookimpl
        def holdall_storages():
            one = holdall_memory.holdall_storages()[0]
            return [StorageOffer(**{**{field.name: getattr(one, field.name) for field in fields(one)}, "name": "jar"})]
        """)
    )
    plugins = Plugins()
    plugins.load_file(path)
    async with holdall.open({"storage": {"use": "jar"}}, plugins=plugins) as store:
        assert (await store.create(owner="ana")).owner == "ana"
    assert "jar" in {offer.name for offer in plugins.offers()}


def test_a_single_file_that_is_not_there_or_broken_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"no plugin file .*gone\.py"):
        Plugins().load_file(tmp_path / "gone.py")
    broken = tmp_path / "broken.py"
    broken.write_text("1/0")
    with pytest.raises(PluginError, match=r"broken.py cannot be imported: ZeroDivisionError"):
        Plugins().load_file(broken)


@pytest.mark.covers("ST-05")
async def test_blocking_and_asynchronous_storages_are_opened_alike():
    class Late(Offers):
        pass

    async def opened(settings):
        return MEMORY.open(settings)

    async def wrong(settings):
        return object()

    for opening in (opened, lambda settings: opened(settings)):  # noqa: PLW0108 - the second is not seen to be one
        plugins = Plugins()
        plugins.register(Late([offer(name="late", open=opening)]), "late")
        async with holdall.open({"storage": {"use": "late"}}, plugins=plugins) as store:
            await store.create(owner="ana")
    plugins = Plugins()
    plugins.register(Late([offer(name="late", open=wrong, settings=NoSettings)]), "late")
    with pytest.raises(PluginError, match="'late' opened a object"):
        async with holdall.open({"storage": {"use": "late"}}, plugins=plugins):
            pass
