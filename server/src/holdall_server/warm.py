"""Imported by the process that new workers are forked from, so that a worker is there in a moment.

Nothing is opened, started or read here: what a fork must not share is made in the worker.
"""

from __future__ import annotations

import signal

import holdall.sessions
import holdall_server.app  # pyright: ignore[reportUnusedImport]
import holdall_server.running  # noqa: F401 # pyright: ignore[reportUnusedImport]

for _room in holdall.sessions.__all__:  # imported when first used, which may be when no file can be opened any more
    getattr(holdall.sessions, _room)

if __name__ != "__main__":
    # A service manager may send SIGTERM to every process of the group; the workers need this one to end in peace.
    # It goes by itself when the supervisor is gone.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
