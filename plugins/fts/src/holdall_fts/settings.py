"""The options of ``fts``: apart, so that a configuration is checked without the rest."""

# Annotations are objects here, not text: each text would be compiled whenever a process starts.

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["FtsSettings"]


class FtsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[search.options]`` of ``fts``."""

    path: Annotated[
        Path, Meta(description="The folder of the index, made when missing; it can be deleted at any time.")
    ]
