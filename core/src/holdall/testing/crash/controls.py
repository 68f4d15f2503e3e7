"""Storages that show whether the crash tool can see: one that cannot lose anything, and one that must.

A single-file plugin like any other: ``control-append`` writes one line per step and syncs it before it
answers; ``control-buffered`` answers first and writes later; ``control-careless`` ignores what fails. With the sync stubbed out in the writing process,
``control-append`` must lose in a power cut.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from holdall.contract import Abilities, BlockingSessionStorage, Commit, Durability, Lane, Scan, Snapshot, Span
from holdall.errors import StorageBusy
from holdall.hooks import StorageOffer, hookimpl
from holdall.testing.model import Model

__all__ = ["AppendStorage", "BufferedStorage", "CarelessStorage", "ControlSettings", "holdall_storages", "line_of"]


class ControlSettings(BaseModel, extra="forbid"):
    """Where the log is."""

    path: Path


def line_of(step: Mapping[str, Any]) -> bytes:
    """A step as one line, with its checksum."""
    text = json.dumps(step).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


class AppendStorage(BlockingSessionStorage):
    """One log, one line per step, replayed when it is opened."""

    def __init__(self, settings: ControlSettings) -> None:
        self._model = Model()
        self._file = os.open(settings.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise StorageBusy(f"{settings.path} is open in another process") from error
        folder = os.open(settings.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        good = 0
        for line in settings.path.read_bytes().splitlines(keepends=True):
            check, _, text = line.partition(b" ")
            if not line.endswith(b"\n") or int(check, 16) != zlib.crc32(text[:-1]):
                break
            self._replay(json.loads(text))
            good += len(line)
        os.ftruncate(self._file, good)
        os.lseek(self._file, good, os.SEEK_SET)

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """Ask the model."""
        return self._model.load(partition, *spans)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Ask the model."""
        return self._model.scan(scan)

    def commit(self, commit: Commit) -> None:
        """Compare, write the line, then let it be seen."""
        commit.onto(self._model.heads.get(commit.partition))
        step = asdict(commit)
        step["write"] = [(lane, n, base64.b64encode(record).decode()) for (lane, n), record in commit.write.items()]
        self.keep(line_of(step))
        self._model.commit(commit)

    def drop(self, partition: str, *, expect: int) -> None:
        """Compare, write the line, then let it be seen."""
        if (found := self._model.heads.get(partition)) is not None and found.version == expect:
            self.keep(line_of({"drop": partition, "expect": expect}))
        self._model.drop(partition, expect=expect)

    def close(self) -> None:
        """Close the log."""
        os.close(self._file)

    def keep(self, line: bytes) -> None:
        """Write a line and sync it."""
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fdatasync(self._file)

    def _replay(self, step: dict[str, Any]) -> None:
        if "drop" in step:
            self._model.drop(step["drop"], expect=step["expect"])
            return
        step["lanes"] = {name: lane and Lane(**lane) for name, lane in step["lanes"].items()}
        step["write"] = {(lane, n): base64.b64decode(record) for lane, n, record in step["write"]}
        step["erase"] = [Span(**span) for span in step["erase"]]
        self._model.commit(Commit(**step))


class BufferedStorage(AppendStorage):
    """A liar: it answers first, and writes when enough has come together."""

    def __init__(self, settings: ControlSettings) -> None:
        super().__init__(settings)
        self._waiting: list[bytes] = []

    def keep(self, line: bytes) -> None:
        """Put the line by."""
        self._waiting.append(line)
        if len(self._waiting) == 50:
            super().keep(b"".join(self._waiting))
            self._waiting.clear()

    def close(self) -> None:
        """Write what is waiting: an orderly end hides the lie."""
        super().keep(b"".join(self._waiting))
        super().close()


class CarelessStorage(AppendStorage):
    """A liar: a write that fails is none of its business."""

    def keep(self, line: bytes) -> None:
        """Write a line, if that works."""
        with suppress(OSError):
            super().keep(line)


def _sandbox(folder: Path) -> dict[str, Any]:
    return {"path": str(folder / "control.log")}


@hookimpl
def holdall_storages() -> list[StorageOffer[ControlSettings]]:
    """Register them."""
    claim = Abilities(Durability.POWER)
    kinds = {"control-append": AppendStorage, "control-buffered": BufferedStorage, "control-careless": CarelessStorage}
    return [
        StorageOffer(name, "a control of the tools that crash", ControlSettings, kind, claim, _sandbox)
        for name, kind in kinds.items()
    ]
