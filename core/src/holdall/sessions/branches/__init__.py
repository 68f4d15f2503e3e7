"""Branches of a conversation: each a lane of its own from where it left another; nothing is ever copied.

A session that has none never imports this.
"""

from __future__ import annotations

from holdall.sessions.branches import comparing, forking, listing, moving, once, origins, pages, subs, views

__all__ = ["comparing", "forking", "listing", "moving", "once", "origins", "pages", "subs", "views"]
