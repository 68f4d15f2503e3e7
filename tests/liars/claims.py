"""Liars about their abilities: what they claim is not what they can do."""

from __future__ import annotations

import base64
import fcntl
import importlib.util
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

from holdall.contract import Durability
from holdall.testing.crash.controls import AppendStorage, BufferedStorage, line_of

from .lying import Memory, liar

_SHELF = Path(__file__).parents[2] / "docs" / "examples" / "shelf.py"
_spec = importlib.util.spec_from_file_location("holdall_liars_shelf", _SHELF)
_shelf = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shelf)


@liar("test_honest", durability=Durability.POWER)
class HonestAlone(AppendStorage):
    """Tells the truth: it is durable, and lets nobody else in."""


@liar("test_reopened", "test_reopened_again_and_again", "test_killed", durability=Durability.PROCESS)
class Amnesiac(Memory):
    """Says that it outlives the process, and forgets everything."""


@liar("test_killed", durability=Durability.PROCESS)
class Buffered(BufferedStorage):
    """Says that it outlives the process, and writes later."""


@liar("test_reopened", durability=Durability.PROCESS)
class ForgetsDrops(AppendStorage):
    """What it dropped comes back when it is opened."""

    def drop(self, partition, *, expect):
        self._model.drop(partition, expect=expect)

    def _replay(self, step):
        if step["expect"] == 0:
            self._model.heads.pop(step["partition"], None)
        super()._replay(step)


@liar("test_killed", durability=Durability.PROCESS)
class TornLog(AppendStorage):
    """Writes the head first and then each record, and takes what it finds."""

    def commit(self, commit):
        commit.onto(self._model.heads.get(commit.partition))
        self.keep(line_of({**asdict(commit), "write": []}))
        for (lane, n), record in commit.write.items():
            self.keep(line_of({"of": commit.partition, "at": [lane, n], "record": record.hex()}))
        self._model.commit(commit)

    def _replay(self, step):
        if "of" in step:
            self._model.records[step["of"]][tuple(step["at"])] = bytes.fromhex(step["record"])
        else:
            super()._replay(step)


@liar("test_four_processes", "test_another_process_sees", durability=Durability.NONE, shared=True)
class SharedByNobody(Memory):
    """Says that many processes share it, and keeps everything in its own."""


class Unlocked(AppendStorage):
    """Lets everybody in, and reads the log only when it is opened."""

    def __init__(self, settings):
        super().__init__(settings)
        lock, self._file = self._file, os.dup(self._file)
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


@liar("test_four_processes", "test_another_process_sees", durability=Durability.POWER, shared=True)
class SharedAtFirst(Unlocked):
    """Says that many processes share it, and never looks again at what others write."""


@liar("test_second_opener_is_refused", "test_next_opener_is_welcome", durability=Durability.POWER)
class NeverBusy(Unlocked):
    """Says that it is not shared, and lets a second process in."""


@liar("test_no_process_sees_half", durability=Durability.POWER, shared=True)
class TwoTransactions(_shelf.ShelfSessionStorage):
    """Commits the lanes one after the other, each in a transaction of its own, and takes its time between them."""

    def commit(self, commit):
        lanes = list(commit.lanes)
        version = commit.expect
        for n, lane in enumerate(lanes):
            last = n == len(lanes) - 1
            step = replace(
                commit,
                expect=version,
                version=commit.version if last else commit.expect - 1_000_000_000 + n,
                lanes={lane: commit.lanes[lane]},
                write={at: record for at, record in commit.write.items() if at[0] == lane},
            )
            super().commit(step)
            version = step.version
            time.sleep(0.001)


class Diary(Memory):
    """Writes everything down, beside."""

    def __init__(self, settings):
        super().__init__(settings)
        self.path = settings.path

    async def commit(self, commit):
        await super().commit(commit)
        with self.path.open("ab") as diary:
            for record in commit.write.values():
                diary.write(self.written(record) + b"\n")

    def written(self, record):
        return record


@liar("test_purge_leaves_no_byte")
class SaysItIsGone(Diary):
    """Is certain that nothing is left, and has a log with all of it."""


@liar("test_purge_leaves_no_byte")
class SaysItIsGoneInBase64(Diary):
    """Is certain that nothing is left, and has a log in which nobody looks for it."""

    def written(self, record):
        return base64.b64encode(b"{" + record)


@liar("test_purge_keeps_what_is_there")
class PurgesTooMuch(Memory):
    """Leaves no byte behind, of what is there either."""

    async def purge(self, partition):
        self._heads.pop(partition, None)
        self._records.pop(partition, None)
        return ()


@liar("test_purge_keeps_what_is_there")
class AnswersNothing(Memory):
    """Answers neither that something is left, nor that nothing is."""

    async def purge(self, partition):
        pass
