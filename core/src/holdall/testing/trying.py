"""What a tool that tries to break a storage does around its work, as a command: from its flags to its exit code."""

from __future__ import annotations

import argparse
import logging
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from holdall.contract import Durability
from holdall.testing.crash.disk import Missing
from holdall.testing.opening import Subject, subject_of
from holdall.testing.outcomes import BROKEN, CONTROL, MISSING, OK, USAGE, show

__all__ = ["try_to_break"]


@contextmanager
def _silence() -> Generator[None]:
    """Log nothing meanwhile: what fails or stops uncleanly is meant to."""
    logger = logging.getLogger("holdall")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def try_to_break(
    asked: argparse.Namespace, name: str, least: Durability, attempt: Callable[[Subject, str, Path], bool | None]
) -> int:
    """Run ``attempt`` on the plugin, a seed and a folder to work in; the exit code says what came out.

    It says whether a promise was broken; ``None``: a control misbehaved, so nothing is proved. A plugin that claims less
    than ``least`` is not tried. The folder goes when all is well, unless it was given.
    """
    subject = subject_of(asked.name, asked.plugin_file)
    claimed = subject.offer.abilities.durability
    if claimed < least:
        show(f"{asked.name} claims durability {claimed.label}: it does not promise to survive this")
        return USAGE
    seed = asked.seed or secrets.token_hex(4)
    folder = asked.dir or Path(tempfile.mkdtemp(prefix=f"holdall-{name}-"))
    try:
        with _silence():
            broken = attempt(subject, seed, folder)
    except Missing as missing:
        show(f"MISSING: {missing}")
        return MISSING
    if broken is None:
        return CONTROL
    if broken:
        show(f"broken promises; repeat with --seed {seed}; what is left is in {folder}")
        return BROKEN
    if asked.dir is None:
        shutil.rmtree(folder, ignore_errors=True)
    return OK
