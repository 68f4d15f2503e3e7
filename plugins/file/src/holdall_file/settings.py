"""What can be configured."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["FileSettings"]


class FileSettings(BaseModel, extra="forbid"):
    """The options of ``file``."""

    path: Path
    """The folder of the store. It is made when it is missing, and must be the user's own."""
    durability: Literal["power", "process"] = "power"
    """What an acknowledged commit survives: a power cut, or only the death of the process."""
    open_sessions: int = Field(default=512, ge=8, le=65_536)
    """How many sessions are kept open, each with one file descriptor."""
    shared_log_bytes: int = Field(default=8 * 1024 * 1024, ge=64 * 1024, le=1024**3)
    """The size of each process's write-ahead log; a larger one is emptied less often."""
