"""Searching messages: what they say, an index that is kept up with them, and what of it is shown to whom.

A store that nobody searches never imports this.
"""

from __future__ import annotations

from holdall.sessions.search import asking, keeper, views

__all__ = ["asking", "keeper", "views"]
