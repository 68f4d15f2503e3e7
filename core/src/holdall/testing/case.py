"""What turns a coroutine into a test that any pytest can run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

pytest.register_assert_rewrite("holdall.testing.bench", "holdall.testing.cases")

from holdall.testing.bench import Bench  # noqa: E402 - after its asserts are made to explain themselves

__all__ = ["Cases", "case", "verifies"]

T = TypeVar("T", bound="Cases")


class Cases:
    """The base of every group of kit tests; each test takes a ``bench`` and quotes the contract."""

    plugin: ClassVar[str] = ""
    """The name of the storage under test, or the path of a single file that offers one."""
    plugin_file: ClassVar[str | Path | None] = None
    """The file of a single-file plugin; not needed when the plugin is installed."""

    __test__ = False

    def __init_subclass__(cls) -> None:
        cls.__test__ = bool(cls.plugin)


def case(test: Callable[[T, Bench], Coroutine[Any, Any, None]]) -> Callable[[T, Bench], None]:
    """Run a test's coroutine on the bench, in an event loop of its own: no asyncio plugin is needed."""

    @functools.wraps(test)
    def run(self: T, bench: Bench) -> None:
        bench.run(lambda: test(self, bench))

    return run


def verifies(ability: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which claim a test verifies; the report reads it."""

    def note(test: Callable[..., None]) -> Callable[..., None]:
        test.__dict__["verifies"] = ability
        return test

    return note
