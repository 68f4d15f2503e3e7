"""Threads: messages that reply to a message, and those that reply to them. A session without replies never imports this.

What is in which thread is kept in three lanes, written in the same commit as each reply:

``threads``
    a record for each thread, in the order of their first replies: its root, and its first and last block
``replies``
    blocks of up to 32 replies of one thread, each linked to the blocks before and after it
``places``
    a table by which the thread of any message is found in one record (see ``table.py``)
"""

from __future__ import annotations

from holdall.sessions.threads import appending, reading

__all__ = ["appending", "reading"]
