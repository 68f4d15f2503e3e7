"""A search index in one folder: SQLite keeps it, and nothing else has to be installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdall.hooks import SearchOffer, hookimpl
from holdall.searching import BlockingSearchIndex
from holdall_fts.settings import FtsSettings

__all__ = ["holdall_search_indexes"]


def _open(settings: FtsSettings) -> BlockingSearchIndex:
    from holdall_fts.index import FtsSearchIndex  # noqa: PLC0415 - a configuration may only be checked

    return FtsSearchIndex(settings.path)


def _sandbox(folder: Path) -> Mapping[str, Any]:
    return {"path": str(folder / "search")}


@hookimpl
def holdall_search_indexes() -> list[SearchOffer[FtsSettings]]:
    """Register ``fts``."""
    about = "fts", "an index in one folder, which any number of processes may share", FtsSettings
    return [SearchOffer(*about, _open, contract=1, sandbox=_sandbox)]
