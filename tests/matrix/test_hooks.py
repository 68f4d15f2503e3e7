"""A plugin's hook raises, or does not come back: what it watches is done, and no other plugin or session pays for it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall import hookimpl
from holdall.errors import PluginError
from holdall.plugins import Plugins
from tests.matrix.cells import cells
from tests.matrix.helping import settings

SHARED = ("file", "diskcache")


class Raises:
    """Fails at whatever it is told; a creation that it shapes fails, too, when it is called so."""

    @hookimpl
    def holdall_observe(self, event: Any) -> None:
        raise RuntimeError("observer")

    @hookimpl
    def holdall_creating(self, draft: Any) -> None:
        if draft.title == "cursed":
            raise RuntimeError("creator")


class Watches:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @hookimpl
    def holdall_observe(self, event: Any) -> None:
        self.told.append(event.kind)


class Hangs:
    """Stands still when a message comes, until it is let go."""

    def __init__(self) -> None:
        self.entered, self.release = threading.Event(), threading.Event()

    @hookimpl
    def holdall_observe(self, event: Any) -> None:
        if event.kind == "appended":
            self.entered.set()
            assert self.release.wait(20)


def with_plugins(*parts: object) -> Plugins:
    plugins = Plugins()
    for n, part in enumerate(parts):
        plugins.register(part, f"part{n}")
    return plugins


@cells("plugin hook raises / hangs", memory="T", file="T", diskcache="T", tinydb="T")
async def test_raises(backend: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An observer is contained, and the one beside it is told all the same; who shapes a creation fails it, by type."""
    caplog.set_level("ERROR", logger="holdall")  # tools that crash it on purpose, run before this, keep it silent
    before, after = Watches(), Watches()
    plugins = with_plugins(before, Raises(), after)
    async with holdall.open(settings(backend, tmp_path), plugins=plugins) as store:
        session = await store.create(owner="ana")
        await session.append([{"role": "user", "content": "said"}])
        with pytest.raises(PluginError, match="'part1' failed while a session was created"):
            await store.create(owner="ana", title="cursed")
        assert [item.text for item in await session.history()] == ["said"]
        assert [found.id for found in (await store.list(owner="ana")).items] == [session.id]
        assert store.health() is None
    assert before.told == after.told
    assert len(before.told) == 2
    assert "plugin 'part1' failed to observe" in caplog.text


@cells("plugin hook raises / hangs", memory="T", file="T", diskcache="T", tinydb="T")
async def test_hangs(backend: str, tmp_path: Path) -> None:
    """A hook runs on the event loop, so its store stands still with it: after the step is stored, and losing nothing."""
    config, hangs, watches = settings(backend, tmp_path), Hangs(), Watches()

    async def life() -> tuple[list[str], str | None, str]:
        async with holdall.open(config, plugins=with_plugins(hangs, watches)) as store:
            first, second = await store.create(owner="ana"), await store.create(owner="ana")
            made.append(first.id)
            await asyncio.gather(*(each.append([{"role": "user", "content": "said"}]) for each in (first, second)))
            found = [item.text for each in (first, second) for item in await each.history()]
            return found, store.health(), watches.told[-1]

    made: list[str] = []
    living = asyncio.create_task(asyncio.to_thread(asyncio.run, life()))
    assert await asyncio.to_thread(hangs.entered.wait, 20)
    try:
        if backend in SHARED:
            async with holdall.open(config) as beside:
                assert [item.text for item in await beside.history(made[0])] == ["said"]
                await beside.append(made[0], [{"role": "user", "content": "beside"}])
    finally:
        hangs.release.set()
    found, health, last = await living
    assert found == (["said", "beside", "said"] if backend in SHARED else ["said", "said"])
    assert (health, last) == (None, "appended")
