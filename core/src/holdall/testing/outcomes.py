"""What the tools that crash, fault and race a storage have in common: exit codes, and how they are told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from holdall.errors import HoldallError

__all__ = ["BROKEN", "CONTROL", "EXITS", "MISSING", "OK", "USAGE", "Flags", "alone", "common", "show", "tabled"]

OK, BROKEN, USAGE, CONTROL, MISSING = range(5)

EXITS = """exit codes: 0 every promise is kept, 1 one is broken, 2 usage, 3 a control misbehaved, so that nothing is
proved, 4 MISSING: this machine lacks what it takes"""


class Flags(Protocol):
    """A parser, or a group of one."""

    def add_argument(self, *names: str, **about: Any) -> argparse.Action:
        """Know one more flag."""
        ...


def show(told: str) -> None:
    """Say how it goes, on the error stream."""
    print(told, file=sys.stderr, flush=True)  # noqa: T201 - a command-line tool


def tabled(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under their heading: the numbers to the right, the words to the left."""
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    numbers = [all(cell.isdecimal() for cell in column) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in (heading, *rows):
        cells = zip(row, widths, numbers or [False] * len(widths), strict=True)
        lines.append("  ".join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in cells))
    return "\n".join(line.rstrip() for line in lines)


def common(parser: Flags) -> None:
    """The flags that every tool has."""
    parser.add_argument("--plugin-file", type=Path, metavar="FILE", help="the file of a single-file plugin")
    parser.add_argument("--seed", default="", help="repeats a run; random when left out, and printed in any case")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--dir", type=Path, help="an empty folder to work in; kept when a promise is broken")


def alone(name: str, about: str, configure: Callable[[Flags], None], run: Callable[[argparse.Namespace], int]) -> int:
    """Run one tool as a program of its own: ``python -m holdall.testing.…``."""
    parser = argparse.ArgumentParser(
        f"python -m holdall.testing.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXITS,
        allow_abbrev=False,
    )
    parser.add_argument("--plugin", required=True, dest="name", help="the storage to test")
    common(parser)
    configure(parser)
    try:
        return run(parser.parse_args())
    except HoldallError as error:
        show(str(error))
        return USAGE
