"""What is asked of each backend when each fault happens: the matrix itself, and how a test says which cell it proves.

``T`` a typed error, and the store unharmed; ``R`` it recovers by itself, and nothing acknowledged is lost;
``D`` health says that something is wrong; ``lost`` the backend never claimed to keep it; ``-`` does not apply.
"""

from __future__ import annotations

import pytest

BACKENDS = ("memory", "file", "diskcache", "tinydb")
NONE = "-"
MATRIX = {
    "kill -9 mid-write": ("lost", "R", "R", "R"),
    "power cut": ("lost", "R", "R", "R"),
    "fsync EIO": ("-", "T+D", "T+D", "T+D"),
    "ENOSPC / EDQUOT": ("T", "T", "T", "T"),
    "short write, EINTR": ("-", "R", "R", "R"),
    "bit flip in a record": ("-", "T", "T", "T"),
    "file truncated / 0 bytes / not ours": ("-", "T", "T", "T"),
    "read-only FS, EACCES, EMFILE": ("-", "T+D", "T+D", "T+D"),
    "2nd process opens": ("-", "R", "R", "T"),
    "fork after open": ("T", "T", "T", "T"),
    "thread race": ("R", "R", "R", "R"),
    "clock ±2 h": ("R", "R", "R", "R"),
    "plugin hook raises / hangs": ("T", "T", "T", "T"),
    "key missing / rotated / wrong": ("T", "T", "T", "T"),
}
"""By fault, what is asked of each of ``BACKENDS``."""


def asked(fault: str, backend: str) -> str:
    """The letters of a cell."""
    return MATRIX[fault][BACKENDS.index(backend)]


def cells(fault: str, **letters: str) -> pytest.MarkDecorator:
    """Run a test once for each backend named, as the proof of its cell of the row ``fault``."""
    each = [pytest.param(name, marks=pytest.mark.cell(fault, asks), id=name) for name, asks in letters.items()]
    return pytest.mark.parametrize("backend", each)
