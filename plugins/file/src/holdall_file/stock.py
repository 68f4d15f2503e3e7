"""What lies in the folder, log by log: for a catalogue that is made again, and for one that may lack something."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

from holdall.contract import Head
from holdall.errors import Damaged
from holdall_file.catalog import Catalog
from holdall_file.cold import Stretch
from holdall_file.faults import Bad, Busy
from holdall_file.folder import LONG, Descriptor, Folder, digest_of, lock_soon, log_name
from holdall_file.living import dead
from holdall_file.recovery import open_or_read, report_damage

__all__ = ["complete", "every_head", "take_stock"]

_LOOKS = 5
"""How often a log is looked at that is written to meanwhile."""


def every_head(folder: Folder) -> Iterator[Head]:
    """The heads of all logs that can be read; the others are noted."""
    for directory, name in folder.logs():
        if name.endswith(".jsonl"):
            head = _head_of(folder, f"{directory}/{name}")
            if head is not None:
                yield head


def take_stock(folder: Folder, catalog: Catalog) -> None:
    """Look at every log that no scan comes to: what can be read is listed again, what can't is noted."""
    logs = [f"{directory}/{name}" for directory, name in folder.logs() if name.endswith(".jsonl")]
    catalog.check()
    catalog.merge()  # after the logs were listed: they are announced before they are made
    known = {log_name(digest_of(name)) for name in catalog.names()}
    heads: list[Head] = []
    for name in logs:
        head = None if name in known else _head_of(folder, name)
        if head is not None:
            heads.append(head)
            folder.report.fault(name, "the catalogue did not have it; it has been entered again", head.partition)
    if heads:
        catalog.add(heads)


def complete(folder: Folder, catalog: Catalog, *, apply: bool) -> list[str]:
    """Hold the catalogue against every log, and enter what it lacks; without ``apply`` only say it."""
    catalog.check()
    catalog.merge()
    lacking = [head for head in every_head(folder) if catalog.lacks(head)]
    if apply:
        catalog.add(lacking)
    else:
        lacking = _at_rest(folder, catalog, lacking)
    return [f"catalog.db: entries of {head.partition!r}, which come from its log again" for head in lacking]


def _at_rest(folder: Folder, catalog: Catalog, heads: list[Head]) -> list[Head]:
    """Those of ``heads`` that the catalogue lacks though nobody writes: each is looked at again.

    What a log has was announced before, so whoever merges after reading it finds it. One that never rests is left out:
    each of its steps announces all of it again.
    """
    lacking: list[Head] = []
    for _ in range(_LOOKS):
        logs = {log_name(digest_of(head.partition)) for head in heads}
        before = {name: head for name in logs if (head := _head_of(folder, name)) is not None}
        catalog.merge()
        suspects = {name: head for name, head in before.items() if catalog.lacks(head)}
        after = {name: head for name in suspects if (head := _head_of(folder, name)) is not None}
        lacking += [head for name, head in suspects.items() if after.get(name) == head]
        heads = [head for name, head in after.items() if suspects[name] != head]
        if not heads:
            break
    return lacking


def _head_of(folder: Folder, name: str) -> Head | None:
    try:
        file = folder.open(name)
    except FileNotFoundError:
        return None
    except (OSError, Damaged) as error:
        folder.report.fault(name, error.reason if isinstance(error, Damaged) else str(error))
        return None
    try:
        return _read(folder, file, name)
    finally:
        file.close()


def _read(folder: Folder, file: Descriptor, name: str) -> Head | None:
    lock_soon(file.fd, fcntl.LOCK_SH, LONG)
    found = os.fstat(file.fd)
    if not found.st_nlink:  # removed meanwhile
        return None
    reason, head = "it holds no commit", None
    try:
        head = open_or_read(file.fd, found.st_size).state.head
    except Bad as bad:
        reason = bad.reason
    except Damaged as error:
        reason = error.reason
    except OSError as error:
        reason = str(error)
    if head is not None:
        if log_name(digest_of(head.partition)) == name:
            return head
        reason = f"it belongs to {head.partition!r}"
    if not _somebody_died(folder):
        digest = name.rpartition("/")[2].removesuffix(".jsonl")
        report_damage(folder, file.fd, digest, Stretch(0, found.st_size, reason, members=False))
    return None


def _somebody_died(folder: Folder) -> bool:
    """Whether what is torn may yet be put in order."""
    try:
        return bool(dead(folder, ""))
    except Busy:
        return True
