"""Progress for people: a bar on a terminal, nothing elsewhere, so that logs stay short."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["progress"]

Advance = Callable[[int, str], None]
"""Told how much is done in all, and what is being done."""


@contextmanager
def progress(total: int | None, unit: str) -> Generator[Advance]:
    """A bar up to ``total``; without one, a count. Needs ``holdall[progress]``, and does without."""
    if not sys.stderr.isatty():
        yield lambda _done, _what: None
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, and slow
        from rich.markup import escape  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    except ModuleNotFoundError:
        yield lambda _done, _what: None
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
