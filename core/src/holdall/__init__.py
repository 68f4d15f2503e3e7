"""Holdall keeps the sessions of AI assistants and agents, on any storage, behind one small contract.

async with holdall.open("holdall.toml") as store:
    session = await store.create(owner="ana", title="First steps")
    await session.append({"role": "user", "content": "hello"})
    page = await session.history(limit=50)
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

    from holdall.contract import (
        Abilities,
        BlockingSessionStorage,
        Commit,
        Durability,
        Head,
        ISessionStorage,
        Lane,
        Scan,
        Snapshot,
        Span,
    )
    from holdall.errors import (
        Conflict,
        Damaged,
        Ended,
        Forbidden,
        HoldallError,
        Invalid,
        KeyReused,
        NotFound,
        PluginError,
        Refused,
        SettingsError,
        StorageBusy,
        StorageError,
        StorageFull,
        StorageUnavailable,
        TooLarge,
    )
    from holdall.hooks import StorageOffer, hookimpl
    from holdall.opening import open_store as open  # noqa: A004
    from holdall.sessions.access import Principal
    from holdall.sessions.branches.views import Branch, Comparison
    from holdall.sessions.events import Draft, Event
    from holdall.sessions.live.notes import Change
    from holdall.sessions.parts.reading import LargePart
    from holdall.sessions.session import Session
    from holdall.sessions.store import Store
    from holdall.sessions.threads.reading import Thread
    from holdall.sessions.views import Message, Page, ToolRun
    from holdall.settings import Settings, StorageRef

__version__ = "0.1.0"

_HOMES = {
    "Abilities": "contract",
    "BlockingSessionStorage": "contract",
    "Branch": "sessions.branches.views",
    "Change": "sessions.live.notes",
    "Commit": "contract",
    "Comparison": "sessions.branches.views",
    "Conflict": "errors",
    "Damaged": "errors",
    "Draft": "sessions.events",
    "Durability": "contract",
    "Ended": "errors",
    "Event": "sessions.events",
    "Forbidden": "errors",
    "Head": "contract",
    "HoldallError": "errors",
    "ISessionStorage": "contract",
    "Invalid": "errors",
    "KeyReused": "errors",
    "Lane": "contract",
    "LargePart": "sessions.parts.reading",
    "Message": "sessions.views",
    "NotFound": "errors",
    "Page": "sessions.views",
    "PluginError": "errors",
    "Principal": "sessions.access",
    "Refused": "errors",
    "Scan": "contract",
    "Session": "sessions.session",
    "Settings": "settings",
    "SettingsError": "errors",
    "Snapshot": "contract",
    "Span": "contract",
    "StorageBusy": "errors",
    "StorageError": "errors",
    "StorageFull": "errors",
    "StorageOffer": "hooks",
    "StorageRef": "settings",
    "StorageUnavailable": "errors",
    "Store": "sessions.store",
    "Thread": "sessions.threads.reading",
    "TooLarge": "errors",
    "ToolRun": "sessions.views",
    "hookimpl": "hooks",
    "open": "opening",
}

__all__ = [
    "Abilities",
    "BlockingSessionStorage",
    "Branch",
    "Change",
    "Commit",
    "Comparison",
    "Conflict",
    "Damaged",
    "Draft",
    "Durability",
    "Ended",
    "Event",
    "Forbidden",
    "Head",
    "HoldallError",
    "ISessionStorage",
    "Invalid",
    "KeyReused",
    "Lane",
    "LargePart",
    "Message",
    "NotFound",
    "Page",
    "PluginError",
    "Principal",
    "Refused",
    "Scan",
    "Session",
    "Settings",
    "SettingsError",
    "Snapshot",
    "Span",
    "StorageBusy",
    "StorageError",
    "StorageFull",
    "StorageOffer",
    "StorageRef",
    "StorageUnavailable",
    "Store",
    "Thread",
    "TooLarge",
    "ToolRun",
    "__version__",
    "hookimpl",
    "open",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``import holdall`` costs nothing (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'holdall' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only when something is asked for

    value = getattr(importlib.import_module(f"holdall.{home}"), "open_store" if name == "open" else name)
    globals()[name] = value
    return value
