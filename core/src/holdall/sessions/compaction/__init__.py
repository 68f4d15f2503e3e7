"""Compaction: what of a conversation a model is shown so that it fits its window; and what that leaves readable: all.

A session that is not compacted never imports this. What plugins implement is in ``kinds.py``.
"""

from __future__ import annotations

from holdall.sessions.compaction.kinds import Choice, Compactor, Entry, Tokenizer

__all__ = ["Choice", "Compactor", "Entry", "Tokenizer"]
