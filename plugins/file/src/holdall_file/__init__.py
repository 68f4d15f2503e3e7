"""Sessions in files: one readable JSON-lines log per session, safe against a power cut, shared by processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer, hookimpl
from holdall_file.settings import FileSettings
from holdall_file.storage import FileSessionStorage

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileSessionStorage", "FileSettings", "holdall_storages"]


def _promises(settings: FileSettings) -> Abilities:
    return Abilities(Durability[settings.durability.upper()], shared=True)


def _sandbox(folder: Path) -> dict[str, object]:
    return {"path": str(folder / "store")}


@hookimpl
def holdall_storages() -> list[StorageOffer[FileSettings]]:
    """Register ``file``."""
    return [
        StorageOffer(
            name="file",
            summary="one readable log per session in a folder; safe against a power cut",
            settings=FileSettings,
            open=FileSessionStorage.open,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=_sandbox,
            configured=_promises,
            contract=1,
        )
    ]
