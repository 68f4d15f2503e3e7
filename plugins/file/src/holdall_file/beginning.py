"""What a process needs to write, made when it first writes or lists: one that only loads sessions makes no log."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from holdall_file.living import graveyard
from holdall_file.wal import Wal
from holdall_file.writer import Writer

if TYPE_CHECKING:
    from holdall_file.opening import Opened

__all__ = ["begin"]

_making = threading.RLock()
"""A fork waits for it: a child that came just when the log is opened would not know that it has it, and keep it locked."""
os.register_at_fork(before=_making.acquire, after_in_parent=_making.release, after_in_child=_making.release)


def begin(opened: Opened) -> Writer:
    """The writer, and the write-ahead log that says of an unclean stop that there was one. Raises ``Busy``.

    Called on the writer's thread only, before the catalogue or a log is changed.
    """
    with _making:
        if opened.writer is None:
            wal = opened.reserve.spend(lambda: _make_wal(opened))
            try:
                opened.writer = Writer(opened.folder, opened.shelf, wal)
            except BaseException:
                opened.folder.unlink(wal.name)
                wal.forget()
                raise
            opened.shelf.own_wal = wal.name
        return opened.writer


def _make_wal(opened: Opened) -> Wal:
    with graveyard(opened.folder):
        return Wal(opened.folder, opened.log_bytes)
