"""What can be configured."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from holdall.checking import Path

__all__ = ["FileSettings"]


def _about(text: str) -> Meta:
    return Meta(description=text)


class FileSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of ``file``."""

    path: Annotated[Path, _about("The folder of the store. It is made when missing, and must be the user's own.")]
    durability: Annotated[
        Literal["power", "process"], _about("What an acknowledged commit survives: a power cut, or a killed process.")
    ] = "power"
    open_sessions: Annotated[
        int, Meta(ge=8, le=65_536), _about("How many sessions are kept open, each with one file descriptor.")
    ] = 512
    shared_log_bytes: Annotated[
        int,
        Meta(ge=64 * 1024, le=1024**3),
        _about("The size of each process's write-ahead log; a larger one is emptied less often."),
    ] = 8 * 1024 * 1024
    quarantine_days: Annotated[
        int, Meta(ge=1, le=36_500), _about("How long what was torn or damaged is kept aside in quarantine/.")
    ] = 30
