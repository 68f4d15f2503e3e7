"""SHA-256 alone: ``hashlib`` has OpenSSL name every algorithm that it knows, whenever a process starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:  # as the standard library's own ``random`` does it
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256  # Python 3.11
        except ImportError:  # another interpreter, or one that was built without
            from hashlib import sha256

__all__ = ["sha256"]
