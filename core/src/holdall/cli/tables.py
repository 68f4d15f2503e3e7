"""Plain tables: aligned columns, nothing else, so that they paste and grep well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["cell", "counted", "pairs", "table"]


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """``rows`` under the names of their fields."""
    names = list(rows[0])
    cells = [[name.upper() for name in names], *([cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def counted(number: int, thing: str) -> str:
    """``1 problem``, ``2 problems``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def pairs(fields: Mapping[str, object]) -> str:
    """One line a field: its name, then its value."""
    width = max(map(len, fields))
    return "\n".join(f"{name:{width}}  {cell(value)}" for name, value in fields.items())


def cell(value: object) -> str:
    """One line of ``value``, fit for a terminal: no control character reaches it."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in text)
