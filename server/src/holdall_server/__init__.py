"""The HTTP API of Holdall: ``serve`` runs it, ``create_app`` makes the application for other runners and tests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall_server.app import create_app
    from holdall_server.serving import serve

__version__ = "0.1.0"

__all__ = ["__version__", "create_app", "serve"]

_HOMES = {"create_app": "app", "serve": "serving"}


def __getattr__(name: str) -> Any:
    """Import Sanic when it is needed, so that a supervisor of workers stays small."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'holdall_server' has no attribute {name!r}")
    return getattr(importlib.import_module(f"holdall_server.{home}"), name)
