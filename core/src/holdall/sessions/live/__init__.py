"""Following a session: every change to it once and in order, across reconnects and processes.

What is appended to the branch that the session shows is told by that branch's lane alone, so it costs no more than it
always did. Everything else writes a note to the lane ``events`` in its own commit, with the position at which the
shown branch stood. So the two give one order, which is that of the commits, and a place in it is two numbers.
"""

from __future__ import annotations

from holdall.sessions.live import following, notes

__all__ = ["following", "notes"]
