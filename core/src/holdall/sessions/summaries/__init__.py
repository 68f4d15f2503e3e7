"""Summaries: records that stand for a range of messages, which stay readable.

A session without any never imports this. What plugins implement is in ``kinds.py``.
"""

from __future__ import annotations

from holdall.sessions.summaries.kinds import Brief, Summariser

__all__ = ["Brief", "Summariser"]
