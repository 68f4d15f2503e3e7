"""Sessions in Valkey or Redis, on one server or a cluster: each verb one script on the session's slot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer, hookimpl
from holdall_valkey.settings import ValkeySettings
from holdall_valkey.storage import ValkeySessionStorage

__all__ = ["ValkeySessionStorage", "ValkeySettings", "holdall_storages"]


def _sandbox(folder: Path) -> Mapping[str, Any]:
    """Keys of their own, on the server that the environment variable names."""
    url = os.environ.get("HOLDALL_VALKEY_URL", "valkey://localhost:6379")
    cluster = os.environ.get("HOLDALL_VALKEY_CLUSTER") == "1"
    prefix = f"kit-{sha256(str(folder).encode()).hexdigest()[:16]}"
    return {"url": url, "cluster": cluster, "prefix": prefix, "deadline": 30}


@hookimpl
def holdall_storages() -> list[StorageOffer[ValkeySettings]]:
    """Register ``valkey``."""
    return [
        StorageOffer(
            name="valkey",
            summary="a Valkey or Redis server or cluster, for many machines",
            settings=ValkeySettings,
            open=ValkeySessionStorage.open,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=_sandbox,
            configured=lambda settings: Abilities(Durability[settings.durability.upper()], shared=True),
        )
    ]
