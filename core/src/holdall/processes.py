"""Which process this is, for those who keep what a fork would only have a copy of."""

from __future__ import annotations

import os

__all__ = ["Process"]


class Process:
    """``this`` is another object after each fork: quicker to compare than to ask the system with every call."""

    this = object()

    @classmethod
    def forked(cls) -> None:
        """Be another one."""
        cls.this = object()


if hasattr(os, "register_at_fork"):  # where there are no forks, there is no need
    os.register_at_fork(after_in_child=Process.forked)
