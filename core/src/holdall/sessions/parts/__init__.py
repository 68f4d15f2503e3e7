"""Large parts: what is too large to lie in a message is stored once in its session, in chunks, by the hash of its content.

The message keeps a reference in its place, and is whole again when it is read. A session that has none never imports this.
"""

from __future__ import annotations

from holdall.sessions.parts import index, joining, reading, splitting, storing

__all__ = ["index", "joining", "reading", "splitting", "storing"]
