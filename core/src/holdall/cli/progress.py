"""Progress for people: a bar on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["progress"]

EVERY = 10.0
"""Seconds between two plain lines."""
Advance = Callable[[int, str], None]
"""Told how much is done in all, and what is being done."""


@contextmanager
def progress(total: int | None, unit: str) -> Generator[Advance]:
    """A bar up to ``total``; without one, a count. Needs ``holdall[progress]``, and does without."""
    if not sys.stderr.isatty():
        yield _plain(total, unit)
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, and slow
        from rich.markup import escape  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    except ModuleNotFoundError:
        yield _plain(total, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance(done: int, what: str) -> None:
            bar.update(task, completed=done, description=escape(what[-40:]))

        yield advance


def _plain(total: int | None, unit: str) -> Advance:
    """Says a line on stderr every ``EVERY`` seconds, so that a short command says none."""
    last = time.monotonic()
    of = "" if total is None else f" of {total:,}"

    def advance(done: int, what: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            sys.stderr.write(f"holdall: {done:,}{of} {unit}, at {what}\n")

    return advance
