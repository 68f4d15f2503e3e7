"""For storages that keep their data in a folder: private, durable, with room left to delete, and nothing thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.folders.kept import Quarantine
    from holdall.folders.private import private_folder, sync_file
    from holdall.folders.rebuilt import rebuilt_head
    from holdall.folders.replaced import ReplacedFile
    from holdall.folders.reserve import Reserve
    from holdall.folders.saying import no_room, typed

_HOMES = {
    "Quarantine": "kept",
    "ReplacedFile": "replaced",
    "Reserve": "reserve",
    "no_room": "saying",
    "private_folder": "private",
    "rebuilt_head": "rebuilt",
    "sync_file": "private",
    "typed": "saying",
}

__all__ = ["Quarantine", "ReplacedFile", "Reserve", "no_room", "private_folder", "rebuilt_head", "sync_file", "typed"]


def __getattr__(name: str) -> Any:
    """Each storage imports what it uses, and nothing else (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
