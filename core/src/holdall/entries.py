"""The entry points that distributions declare, found without reading what else they declare.

``importlib.metadata`` imports an e-mail parser, and much more, before the first name is known. Here a folder of
``sys.path`` is listed, and of each distribution in it only ``entry_points.txt`` is read, as that module reads it. Where
this finds nothing of a name, that module is asked: it knows archives and import hooks, too.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

__all__ = ["Entry", "all_entries", "entries_named"]

GROUP = "holdall"
_HEADING = b"[holdall]"
_PIECE = 65_536


class Entry(Struct, frozen=True):
    """What one distribution declares under one name: ``value`` is the module, and after a colon what is in it."""

    name: str
    value: str
    source: str | Distribution | None
    """The distribution, or the folder of its metadata."""

    @property
    def distribution(self) -> Distribution | None:
        """Who declares it; its metadata is read when it is asked for."""
        if not isinstance(self.source, str):
            return self.source
        from importlib.metadata import Distribution  # noqa: PLC0415 - for errors and descriptions only
        from pathlib import Path  # noqa: PLC0415

        return Distribution.at(Path(self.source))

    @property
    def owner(self) -> str:
        """The distribution, as people know it."""
        found = self.distribution
        return "an unknown distribution" if found is None else f"{found.name} {found.version}"

    def load(self) -> Any:
        """Import what it names."""
        import importlib  # noqa: PLC0415 - where there is something to import

        module, _, inside = self.value.partition("[")[0].partition(":")
        found: Any = importlib.import_module(module.strip())
        for step in filter(None, inside.strip().split(".")):
            found = getattr(found, step)
        return found


def entries_named(name: str) -> list[Entry]:
    """Every entry point called ``name``."""
    found = [entry for entry in _listed(tuple(sys.path)) if entry.name == name]
    return found or [entry for entry in all_entries() if entry.name == name]


def all_entries() -> list[Entry]:
    """Every entry point of the group."""
    from importlib import metadata  # noqa: PLC0415 - slow, and only needed for what is not a plain folder

    return [Entry(entry.name, entry.value, entry.dist) for entry in metadata.entry_points(group=GROUP)]


@cache
def _listed(path: tuple[str, ...]) -> tuple[Entry, ...]:
    """What the folders of ``path`` declare; as in an import, the first distribution of a name hides later ones."""
    found: list[Entry] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(path):
        for distribution in _distributions(folder or "."):
            name = os.path.basename(distribution).partition("-")[0].lower().replace(".", "_")  # noqa: PTH119 - slow to import
            if name not in seen:
                seen.add(name)
                found += _declared(distribution)
    return tuple(found)


def _distributions(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - as above
    except OSError:  # an archive, or a folder that is not there: nothing is imported from it this way
        return
    yield from (f"{folder}/{name}" for name in names if name.endswith((".dist-info", ".egg-info")))


def _declared(distribution: str) -> Iterator[Entry]:
    try:
        file = os.open(f"{distribution}/entry_points.txt", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # most distributions declare nothing
        return
    try:
        text = b"".join(iter(lambda: os.read(file, _PIECE), b""))
    except OSError:  # a folder of that name
        return
    finally:
        os.close(file)
    if _HEADING not in text:  # and most others nothing of ours
        return
    group = None
    for line in map(str.strip, text.decode().splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif group == GROUP and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Entry(name.strip(), value.strip(), distribution)
