"""What can be configured."""

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["ZlibSettings"]


class ZlibSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of ``zlib``."""

    level: Annotated[int, Meta(ge=1, le=9, description="From 1, fast, to 9, small.")] = 6
