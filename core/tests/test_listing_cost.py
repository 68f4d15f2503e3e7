"""The latest sessions of an owner cost the same among few and among many: what is done is counted, nothing is timed."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

import holdall
from holdall.cli import scaffold
from holdall.plugins import Plugins

FEW, MANY, PAGE = 60, 800, 50


class Calls:
    """Counts the calls of Python functions, in every thread that is started while it is installed."""

    def __init__(self):
        self.counting, self.count = False, 0

    def __call__(self, _frame, event, _of):
        self.count += self.counting and event in {"call", "c_call"}

    def __enter__(self):
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)
        threading.setprofile(None)


async def filled(store, count):
    """Half of them Ana's; what others have is in the way, too."""
    for number in range(count):
        await store.create(owner="ana" if number % 2 else f"o{number % 7}", title=f"number {number}")


async def work(store, calls):
    """The calls that a list of Ana's latest sessions takes, and the memory that it takes at its most."""
    names = [session.title for session in (await store.list(owner="ana", limit=PAGE)).items]  # what is read once, is
    gc.collect()
    gc.disable()  # what other tests left behind is not to be let go of, in calls of Python functions, while these are counted
    try:
        calls.counting, calls.count = True, 0
        again = [session.title for session in (await store.list(owner="ana", limit=PAGE)).items]
        calls.counting = False
    finally:
        gc.enable()
    tracemalloc.start()
    try:
        await store.list(owner="ana", limit=PAGE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert names == again
    return names, calls.count, peak


async def costs(config):
    """The work among few and among many, each ``(names, calls, bytes)``."""
    with Calls() as calls:
        async with holdall.open({**config, "sessions": {"sweep_every": 0}}) as store:
            await filled(store, 2 * FEW)
            few = await work(store, calls)
            await filled(store, MANY)
            return few, await work(store, calls)


@pytest.mark.covers("OP-13")
@pytest.mark.parametrize("backend", ["memory", "file"])
async def test_a_list_takes_the_same_work_among_few_and_among_many(backend, tmp_path):
    pytest.importorskip(f"holdall_{backend}")
    options = {**Plugins().storage(backend).sandbox(tmp_path)}
    if backend == "file":
        options["durability"] = "process"
    (_, few, little), (names, many, much) = await costs({"storage": {"use": backend, "options": options}})
    assert names == [f"number {number}" for number in range(MANY - 1, MANY - 2 * PAGE, -2)]
    assert many <= few * 1.05, f"{many} calls among {MANY:,} sessions, {few} among {2 * FEW}"
    assert much <= little * 1.2 + 4_096, f"{much:,} bytes among {MANY:,} sessions, {little:,} among {2 * FEW}"


@pytest.mark.covers("OP-13")
async def test_a_storage_that_looks_at_every_session_is_found_out():
    """The control: the template of ``holdall plugin new`` says itself that no storage should list as it does."""
    template = str(Path(scaffold.__file__).with_name("storage.py"))
    (_, few, _), (_, many, _) = await costs({"storage": {"use": "mykind"}, "plugins": [template]})
    assert many > 1.5 * few
