"""A storage whose records are encrypted on their way into the one below, and checked on their way out.

It is a storage like any other: whoever uses it sees decrypted records, and none of the lanes and partitions in which
encryption keeps what it needs. Of a partition that is being destroyed, only what will be left is seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from holdall.contract import Commit, Head, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import CodecError, Conflict
from holdall.sealing.converting import convert
from holdall.sealing.names import SEAL_SPAN, hidden
from holdall.sealing.reading import examined, seen, unopened
from holdall.sealing.seal import Seal
from holdall.sealing.shredding import finish, mark_all
from holdall.sealing.vault import Vault
from holdall.sealing.walking import walk
from holdall.sealing.writing import Known, encrypted, shredded, without_mark
from holdall.sessions.names import SHREDDING
from holdall.values import foreseen

__all__ = ["SealedStorage"]

log = logging.getLogger("holdall.sealing")
_KEPT = 4096
"""Partitions whose seals, and whose snapshots as lists showed them, are kept."""


class SealedStorage(ISessionStorage):
    """``below``, encrypted. ``plain``: what is plaintext there is read, and encrypted when it is written to."""

    def __init__(self, below: ISessionStorage, vault: Vault, *, plain: bool) -> None:
        self.below = below
        self.vault = vault
        self.plain = plain
        self._known: dict[str, Known] = {}
        self._shown: dict[str, tuple[Snapshot, Snapshot]] = {}

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """See ``ISessionStorage.load``; raises ``CodecError`` for what was not written with this store's keys."""
        if hidden(partition):
            return None
        while True:
            snapshot = await self.below.load(partition, *spans, SEAL_SPAN)
            if snapshot is None:
                self._known.pop(partition, None)
                return None
            try:
                return seen(snapshot, await self._examine(snapshot))
            except Conflict:  # it went while it was read, and may be another now
                self._known.pop(partition, None)

    async def commit(self, commit: Commit) -> None:
        """See ``ISessionStorage.commit``. One that sets the mark ``shredding`` leaves only what it writes."""
        name = commit.partition
        if not commit.expect:
            await self._begin(commit)
            return
        known = await self._standing(name, commit.expect)
        if known.key is None:
            await self._plain(commit)
            return
        common = self.vault.common(name) if commit.marks.get(SHREDDING) is not None else None
        if common is None or common.id == known.key.id:
            await self._store(
                known.head, *encrypted(without_mark(commit) if common else commit, known, known.key, known.seal)
            )
            return
        stored, after = shredded(commit, known, common)
        await self._store(known.head, stored, after)
        await self._finish(after)

    async def drop(self, partition: str, *, expect: int) -> None:
        """See ``ISessionStorage.drop``. A key of the partition's own is destroyed before (SEC-CRY-05)."""
        try:
            known = await self._standing(partition, expect)
        except CodecError:  # nobody can read it: what is left of its key may go, too
            await self.vault.destroy(partition)
            await self.below.drop(partition, expect=expect)
            return
        common = self.vault.common(partition)
        if known.key is None or known.key.id == common.id:
            await self.below.drop(partition, expect=expect)
            self._known.pop(partition, None)
            return
        stored, after = mark_all(known, common)
        await self._store(known.head, stored, after)
        await self._finish(after)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """See ``ISessionStorage.scan``. Without ``spans`` nothing is decrypted: what heads say is not checked yet."""
        found = await walk(self.below, replace(scan, spans=(*scan.spans, SEAL_SPAN)) if scan.spans else scan)
        if not scan.spans:
            return [unopened(each) for each in found]
        await self._find_keys(found)
        return [shown for each in found if (shown := await self._show(each)) is not None]

    async def faults(self) -> Sequence[str]:
        """See ``ISessionStorage.faults``."""
        return await self.below.faults()

    async def repair(self, *, apply: bool) -> Sequence[str]:
        """See ``ISessionStorage.repair``; heads that were put right below get a new seal."""
        from holdall.sealing.mending import mend  # noqa: PLC0415 - seldom

        lines = [*await self.below.repair(apply=apply)]
        return lines + [line async for line in mend(self.below, self.vault, apply=apply)]

    async def purge(self, partition: str) -> Sequence[str]:
        """See ``ISessionStorage.purge``."""
        return await self.below.purge(partition)

    def health(self) -> str | None:
        """See ``ISessionStorage.health``."""
        return self.below.health()

    async def close(self) -> None:
        """See ``ISessionStorage.close``."""
        await self.below.close()

    async def encrypt(self, partition: str) -> bool:
        """Encrypt a partition that is plaintext; whether it was."""
        return await convert(self.below, self.vault, partition)

    async def recover(self) -> None:
        """Bring to its end what a process that died had begun to destroy."""
        after: tuple[int, str] | None = None
        while found := await self.below.scan(Scan(SHREDDING, after, spans=(SEAL_SPAN,))):
            for snapshot in found:
                after = (snapshot.head.marks[SHREDDING], snapshot.head.partition)
                try:
                    await self._finish(await self._examine(snapshot))
                except CodecError as error:
                    log.error("it cannot be destroyed to its end: %s", error)  # noqa: TRY400 - it says what is wrong

    async def _begin(self, commit: Commit) -> None:
        """Store a partition's first commit, after its key."""
        name = commit.partition
        if not self.vault.tag:
            await self.below.commit(without_mark(commit))
            return
        key, found = await self.vault.new(name)
        try:
            await self._store(None, *encrypted(commit, None, key, Seal()))
        except Conflict:
            if not await self._cleared(name):
                raise
            key, found = await self.vault.new(name)
            await self._store(None, *encrypted(commit, None, key, Seal()))
        if found is not None:
            await self.vault.vouch(name, found)

    async def _cleared(self, partition: str) -> bool:
        """Whether it was only the remains of a partition that stood in the way, and went."""
        snapshot = await self.below.load(partition, SEAL_SPAN)
        if snapshot is None:
            return True
        known = await self._examine(snapshot)
        if seen(snapshot, known) is not None:
            return False
        await self._finish(known)
        return True

    async def _plain(self, commit: Commit) -> None:
        """A commit on what is plaintext: that is encrypted first, where it is to be."""
        name = commit.partition
        if self.vault.tag:
            await self.encrypt(name)
            raise Conflict(name, expected=commit.expect, found=commit.version)
        self._known.pop(name, None)
        await self.below.commit(without_mark(commit))

    async def _store(self, before: Head | None, commit: Commit, after: Known) -> None:
        name = commit.partition
        foreseen[name] = commit, before, after.head, ()
        try:
            await self.below.commit(commit)
        except BaseException:
            self._known.pop(name, None)
            raise
        finally:
            foreseen.pop(name, None)
        self._keep(after)

    async def _finish(self, known: Known) -> None:
        self._known.pop(known.head.partition, None)
        await finish(self.below, self.vault, known)

    async def _at(self, partition: str, version: int) -> Known:
        """What is known of a partition at ``version``; raises ``Conflict`` when it is at another."""
        known = self._known.get(partition)
        if known is None or known.head.version != version:
            snapshot = await self.below.load(partition, SEAL_SPAN)
            found = 0 if snapshot is None else snapshot.head.version
            if snapshot is None or found != version:
                raise Conflict(partition, expected=version, found=found)
            known = await self._examine(snapshot)
        return known

    async def _standing(self, partition: str, version: int) -> Known:
        """The same; what was about to go when a process died goes first, and that is a ``Conflict``, too."""
        known = await self._at(partition, version)
        if known.seal.doomed:
            await self._finish(known)
            raise Conflict(partition, expected=version, found=version + 1)
        return known

    async def _examine(self, snapshot: Snapshot) -> Known:
        last = self._known.get(snapshot.head.partition)
        known = await examined(snapshot, last, self.vault, self.below, plain=self.plain)
        self._keep(known)
        return known

    def _keep(self, known: Known) -> None:
        self._known[known.head.partition] = known
        if len(self._known) > _KEPT:
            _shed(self._known)

    async def _find_keys(self, snapshots: Sequence[Snapshot]) -> None:
        """Have the keys of many partitions at hand, looked for together."""
        missing = [each for each in snapshots if self._known.get(each.head.partition) is None]
        await asyncio.gather(*map(self._examine, missing))

    async def _show(self, snapshot: Snapshot) -> Snapshot | None:
        name = snapshot.head.partition
        before = self._shown.get(name)
        if before is not None and before[0] is snapshot:
            return before[1]
        shown = seen(snapshot, await self._examine(snapshot))
        if shown is not None:
            self._shown[name] = (snapshot, shown)
            if len(self._shown) > _KEPT:
                _shed(self._shown)
        return shown


def _shed(kept: dict[str, Any]) -> None:
    """Forget those that were kept first."""
    for old in list(islice(kept, _KEPT // 8)):
        del kept[old]
