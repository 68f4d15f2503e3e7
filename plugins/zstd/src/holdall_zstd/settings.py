"""What can be configured."""

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["ZstdSettings"]


class ZstdSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of ``zstd``."""

    level: Annotated[int, Meta(ge=1, le=19, description="From 1, fast, to 19, small.")] = 3
    dictionary_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 20, description="The size of a dictionary that `holdall train` makes.")
    ] = 112_640
