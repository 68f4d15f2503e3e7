"""How a writer tells its parent what it does, until it is killed."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

__all__ = ["NO_SYNC", "play", "say", "telling"]

NO_SYNC = "HOLDALL_CRASH_NO_SYNC"
"""Set for a control: the child's ``os.fsync`` and ``os.fdatasync`` do nothing."""


def say(line: str) -> None:
    """One short write, so that it arrives whole or not at all."""
    os.write(1, f"{line}\n".encode())


@contextmanager
def telling(writers: Sequence[str]) -> Generator[None]:
    """Be quiet, blind where a control wants it, and say so when the storage does not open."""
    if os.environ.get(NO_SYNC):
        os.fsync = os.fdatasync = lambda fd: None  # pyright: ignore[reportAttributeAccessIssue] # noqa: ARG005
    logging.getLogger("holdall").setLevel(logging.CRITICAL)
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - told to the parent
        _fail(writers[0], 0, error)


def _fail(name: str, n: int, error: BaseException) -> None:
    say(f"failed {name} {n} {time.monotonic_ns()} {error!r:.500}")
    os._exit(1)  # the parent was told; after a cut it is no failure, and a trace would say that it is


async def play(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """Carry out steps, saying ``intent`` before and ``ack`` after each, until the process is killed."""
    for n in itertools.count(1):
        say(f"intent {name} {n}")
        try:
            await step()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            _fail(name, n, error)
        say(f"ack {name} {n} {time.monotonic_ns()}")
