"""Liars about names: two of them are one."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from holdall.contract import Snapshot

from .lying import Memory, liar


class Renamed(Memory):
    """Keeps partitions under another name, and answers with the one that was asked for."""

    def key(self, name):
        raise NotImplementedError

    async def load(self, partition, *spans):
        found = await super().load(self.key(partition), *spans)
        return found and Snapshot(replace(found.head, partition=partition), found.records)

    async def commit(self, commit):
        await super().commit(replace(commit, partition=self.key(commit.partition)))

    async def drop(self, partition, *, expect):
        await super().drop(self.key(partition), expect=expect)


@liar("test_any_partition")
class FoldsCase(Renamed):
    """Knows no difference between capitals and small letters, as some file systems don't."""

    key = staticmethod(str.lower)


@liar("test_any_partition")
class Normalises(Renamed):
    """Composes accents, as some file systems do."""

    def key(self, name):
        return unicodedata.normalize("NFC", name)


@liar("test_any_partition")
class StripsDots(Renamed):
    """Strips dots and spaces from the end of a name, as Windows does."""

    def key(self, name):
        return name.rstrip(". ")


@liar("test_any_partition")
class ShortNames(Renamed):
    """Cuts names at 199 bytes."""

    def key(self, name):
        return name.encode()[:199].decode(errors="ignore")


@liar("test_any_lane", "test_lane_removed")
class LanesToTheSlash(Memory):
    """Takes a lane's name up to its first slash."""

    async def commit(self, commit):
        lanes = {name.split("/")[0]: lane for name, lane in commit.lanes.items()}
        await super().commit(
            replace(commit, lanes=lanes, write={(at[0].split("/")[0], at[1]): r for at, r in commit.write.items()})
        )


@liar("test_any_mark", "test_marks_are_apart")
class FoldsMarks(Memory):
    """Knows no difference between capitals and small letters in the marks it walks."""

    def _remark(self, partition, marks):
        super()._remark(partition, {name.lower(): score for name, score in marks.items()})

    async def scan(self, scan):
        return await super().scan(replace(scan, mark=scan.mark and scan.mark.lower()))


@liar("test_names_that_look_joined")
class JoinsNames(Memory):
    """Keeps records under the partition's and the lane's names, joined by a slash."""

    def __init__(self, settings):
        super().__init__(settings)
        self._joined = {}

    async def commit(self, commit):
        await super().commit(commit)
        self._joined |= {(f"{commit.partition}/{lane}", n): record for (lane, n), record in commit.write.items()}

    def _part(self, partition, spans):
        head = self._heads[partition]
        return Snapshot(head, {at: self._joined[f"{partition}/{at[0]}", at[1]] for at in head.addresses(spans)})
