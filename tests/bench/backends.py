"""The backends that are measured: which are there, how they are opened, and what is not asked of them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import holdall
from holdall.checking import field_names
from holdall.errors import PluginError
from holdall.opening import options_of
from holdall.plugins import Plugins

KNOWN = ("memory", "file", "diskcache", "tinydb")
_MOST = {"tinydb": (1_000, "each commit writes the whole database again")}


def most(backend: str) -> int | None:
    """The largest history, and the largest number of sessions, that a backend gets through in time."""
    return _MOST[backend][0] if backend in _MOST else None


def within(backend: str, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """The sizes that a backend is measured at, and a sentence on those that it is not."""
    limit, why = _MOST.get(backend, (None, ""))
    if limit is None or max(sizes) <= limit:
        return sizes, ""
    left = ", ".join(f"{size:,}" for size in sizes if size > limit)
    return tuple(size for size in sizes if size <= limit), f"{left}: {why}"


def missing(backend: str) -> str:
    """Why a backend can't be measured; empty when it can."""
    try:
        Plugins().storage(backend)
    except (PluginError, ImportError) as error:
        return " ".join(str(error).split())
    return ""


def settings(backend: str, folder: Path) -> dict[str, Any]:
    """The configuration of a store in ``folder``, as an operator would write it: everything else at its default."""
    offer = Plugins().storage(backend)
    has_path = "path" in field_names(offer.settings)
    options = {"path": str(folder)} if has_path else dict(offer.sandbox(folder))
    return {"storage": {"use": backend, "options": options}}


def durability(backend: str, folder: Path) -> str:
    """What the backend promises as it is measured: ``none``, ``process`` or ``power``."""
    offer = Plugins().storage(backend)
    return offer.promises(options_of(offer, settings(backend, folder)["storage"]["options"])).durability.label


def persistent(backend: str) -> bool:
    """Whether anything is left when the process ends."""
    return Plugins().storage(backend).abilities.durability >= holdall.Durability.PROCESS


def opened(backend: str, folder: Path) -> AbstractAsyncContextManager[holdall.Store]:
    """An open store in ``folder``."""
    return holdall.open(settings(backend, folder))
