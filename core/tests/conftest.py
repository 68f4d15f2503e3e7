"""The core's tests drive the public interface on every backend that is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import holdall
from holdall import opening, testing
from holdall.errors import PluginError
from holdall.plugins import Plugins
from holdall.sessions.store import Store
from holdall.settings import StorageRef
from holdall.testing.clock import ManualClock

sys.path.insert(0, str(Path(__file__).parent))
# The kit's asserts explain themselves also where a test imports its modules by their own names.
pytest.register_assert_rewrite(
    *(f"holdall.testing.{home}" for kit, home in testing._HOMES.items() if kit.endswith("Tests"))
)

settings.register_profile(
    "holdall", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("holdall")


def _installed() -> list[str]:
    """The bundled backends that are here; ``TEST_BACKENDS=memory,file`` chooses among them."""
    found: list[str] = []
    for name in os.environ.get("TEST_BACKENDS", "memory,file,diskcache,tinydb").split(","):
        try:
            Plugins().storage(name)
        except PluginError:
            continue
        found.append(name)
    return found


BACKENDS = _installed()


OFTEN = ("memory", "file")
"""The others hold the kit as well as these do; sessions are tried on them by ``make release-check``."""


@pytest.fixture(params=[name if name in OFTEN else pytest.param(name, marks=pytest.mark.thorough) for name in BACKENDS])
def backend(request: pytest.FixtureRequest) -> str:
    """A backend; tests that ask for a store run on each."""
    return request.param


@pytest.fixture
def storage_options(backend: str, tmp_path: Path) -> dict[str, Any]:
    """The ``[storage]`` section for an empty storage."""
    folder = tmp_path / "storage"
    folder.mkdir()
    return {"use": backend, "options": dict(Plugins().storage(backend).sandbox(folder))}


@pytest.fixture
def clock() -> ManualClock:
    """The time of every store in the test."""
    return ManualClock()


@pytest.fixture
def policy() -> dict[str, Any]:
    """The ``[sessions]`` section; test modules and classes override it."""
    return {}


@pytest.fixture
async def store(storage_options: dict[str, Any], policy: dict[str, Any], clock: ManualClock) -> AsyncIterator[Store]:
    """An empty store that nobody sweeps."""
    config = {"storage": storage_options, "sessions": {"sweep_every": 0, **policy}}
    async with holdall.open(config, clock=clock) as opened:
        yield opened


@pytest.fixture
async def deployment(storage_options: dict[str, Any], clock: ManualClock) -> AsyncIterator[Any]:
    """Opens stores with ever other configurations on one storage."""
    from support.deployed import Deployment  # noqa: PLC0415 - found by the path that is set above

    storage = await opening.open_storage(StorageRef(**storage_options), Plugins())
    yield Deployment(storage, clock)
    await storage.close()
