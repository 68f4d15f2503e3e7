"""Keeping an index up with the sessions: before a search, what changed since the last look; of a new index, everything.

Sessions are looked at by their marks. What was active since a little before the last look is compared by version, so
nothing is added to what writes cost, and whoever wrote, an acknowledged write is found by the next search. What an index
has never seen is its backlog: it is read from the newest session on, while searches go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from holdall.contract import Head, Scan
from holdall.errors import Damaged, NotFound, StorageBusy
from holdall.searching import Known, SearchIndex, Update, Walked
from holdall.sessions.engine import Engine
from holdall.sessions.names import RECENT, TOUCHED
from holdall.sessions.search.reading import read_piece

__all__ = ["Keeper", "look_again"]

log = logging.getLogger("holdall.search")
_BEFORE = 30_000_000
"""Microseconds before the last look that are looked at again: no commit takes so long, no clocks are so far apart."""
_OFTEN = 5_000_000
"""Microseconds after which a look that found nothing new is remembered, too."""
_TOP = (1 << 53) - 1, ""
"""Behind it, downwards, is everything."""
_PAGE, _MOST, _FIRST = 500, 4000, 16
_AGAIN = 3_600_000
"""Milliseconds after which all sessions are compared again, for what was done to old ones behind the store's back."""
_NOTHING = Known(0, 0, {})


async def look_again(index: SearchIndex) -> None:
    """Have whoever keeps ``index`` up compare all sessions, as soon as it is used."""
    walked = await index.walked()
    while walked.mark is not None and walked.backlog != _TOP:
        await index.walk(walked, Walked(walked.mark, _TOP, walked.whole))
        walked = await index.walked()  # somebody may have been faster


class Keeper:
    """Keeps one index up with one store."""

    def __init__(self, engine: Engine, index: SearchIndex, wait: float) -> None:
        self.index = index
        self._engine = engine
        self._wait = wait
        self._looking = asyncio.Lock()
        self._asked = self._looked = self._refused = 0
        self._busy = ""
        """Why those who had asked by ``_refused`` were."""
        self._seen: dict[str, int] = {}
        """The ``changed`` of sessions that were compared, of those that the next look will meet."""
        self._building: asyncio.Task[None] | None = None

    async def current(self, wait: float | None = None) -> bool:
        """Bring the index up to this moment; whether it has everything: what is older may still be read.

        Waits for that, but not longer than ``wait`` seconds.
        """
        self._asked += 1
        ticket = self._asked
        async with self._looking:
            if ticket <= self._refused:  # each would wait as long again for what did not come to the one before
                raise StorageBusy(self._busy)
            if self._looked < ticket:  # nobody looked since this was asked
                asked = self._asked
                try:
                    walked = await self._look()
                except StorageBusy as error:
                    self._refused, self._busy = self._asked, str(error)
                    raise
                self._looked = asked
            else:
                walked = await self.index.walked()
        if walked.backlog is None:
            return True
        if self._building is None or self._building.done():
            self._building = asyncio.create_task(self._build())
        done, _ = await asyncio.wait([self._building], timeout=self._wait if wait is None else wait)
        for task in done:
            task.result()
        return bool(done)

    async def keep(self, every: float) -> None:
        """Look from time to time, so that searches find little to do; and keep the index small and fast."""
        while True:
            await asyncio.sleep(every)
            try:
                await self._kept()
            except Exception:
                log.exception("the search index could not be kept up; it is tried again in %s s", every)

    async def _kept(self) -> None:
        if await self.current(wait=1e9):
            await self._tidy()
            walked = await self.index.walked()
            now = self._engine.clock.now() // 1000
            if walked.backlog is None and now - walked.whole > _AGAIN:
                await look_again(self.index)

    async def _tidy(self) -> None:
        more = True
        while more:  # a part at a time, so that searches get between
            more = await self.index.tidy()

    async def rebuild(self) -> None:
        """Make the index anew, while searches go on; returns when that is done."""
        await self.index.reset()
        self._seen.clear()
        await self.current(wait=1e9)

    async def close(self) -> None:
        """Stop reading, and close the index."""
        if self._building is not None:
            self._building.cancel()
            await asyncio.wait([self._building])
        await self.index.close()

    async def _look(self) -> Walked:
        """Compare what was active, or changed, since the last look."""
        now = self._engine.clock.now()
        walked = await self.index.walked()
        if walked.mark is None:
            self._seen.clear()
            newest = await self._engine.storage.scan(Scan(RECENT, None, 1, descending=True))
            begun = Walked(newest[0].head.marks[RECENT] if newest else 0, _TOP)
            await self.index.walk(walked, begun)
            walked = await self.index.walked()
        mark = walked.mark or 0
        met: dict[str, int] = {}
        latest = max([await self._look_at(name, mark - _BEFORE, met) for name in (RECENT, TOUCHED)])
        self._seen = met
        latest = max(
            latest, now if now - mark > _OFTEN else 0
        )  # what comes now is of now, but for what ``_BEFORE`` allows
        if latest > mark:
            await self.index.walk(walked, Walked(latest, walked.backlog, walked.whole))
        return walked

    async def _look_at(self, mark: str, since: int, met: dict[str, int]) -> int:
        """Compare the sessions whose ``mark`` is ``since`` then or later; returns the latest."""
        after: tuple[int, str] | None = None
        latest, size = 0, _FIRST
        while True:
            batch = [one.head for one in await self._engine.storage.scan(Scan(mark, after, size, descending=True))]
            found = [head for head in batch if head.marks[mark] >= since]
            latest = max([latest, *[head.marks[mark] for head in found[:1]]])
            met.update(await self._compare(found))
            if len(found) < size:
                return latest
            after, size = (found[-1].marks[mark], found[-1].partition), _PAGE

    async def _build(self) -> None:
        """Read the backlog."""
        names: set[str] = set()
        whole = False
        while True:
            walked = await self.index.walked()
            if walked.mark is None or walked.backlog is None:
                return
            whole = whole or walked.backlog == _TOP
            batch = [
                one.head
                for one in await self._engine.storage.scan(Scan(RECENT, walked.backlog, _PAGE, descending=True))
            ]
            await self._compare(batch)
            names.update(_session(head) for head in batch)
            if len(batch) == _PAGE:
                behind = batch[-1].marks[RECENT], batch[-1].partition
                await self.index.walk(walked, Walked(walked.mark, behind, walked.whole))
            else:
                if whole:
                    await self._forget_others(names)
                now = self._engine.clock.now() // 1000
                await self.index.walk(walked, Walked(walked.mark, None, now))

    async def _forget_others(self, names: set[str]) -> None:
        """Forget sessions that are no more."""
        after = ""
        while True:
            page = await self.index.sessions(after, _PAGE)
            missing = [name for name in page if name not in names]
            gone = [name for name in missing if await self._engine.storage.load(f"session/{name}") is None]
            if gone:
                await self.index.forget(gone)
            if len(page) < _PAGE:
                return
            after = page[-1]

    async def _compare(self, heads: Sequence[Head]) -> dict[str, int]:
        """Read what the index has not read of sessions; returns their ``changed``."""
        found = {_session(head): head for head in heads if head.partition.startswith("session/")}
        met = {head.partition: head.changed for head in found.values()}
        names = [name for name, head in found.items() if self._seen.get(head.partition) != head.changed]
        while names:
            known = await self.index.known(names)
            batch = _Batch(self.index)
            for name in names:
                if known.get(name, _NOTHING).changed != found[name].changed:
                    found[name] = await self._read(found[name], known.get(name, _NOTHING), batch)
                    met[found[name].partition] = found[name].changed
            await batch.put()
            names = batch.left_out  # another process came first: with what it knows, not with what is known here
        return met

    async def _read(self, head: Head, known: Known, batch: _Batch) -> Head:
        """Put into the index what it has not read of a session; returns the head that this is of."""
        session = _session(head)
        checked: Mapping[str, tuple[int, int]] = {}
        while True:
            try:
                piece = await read_piece(self._engine, head, known, checked)
            except NotFound:
                piece = None
            except Damaged as damage:
                log.error("left out of the search index: %s", damage)  # noqa: TRY400 - it says what is wrong and where
                return head
            if piece is None or piece.update is None:
                await batch.put()
                await self.index.forget([session])
                return head if piece is None else piece.head
            await batch.add(piece.update)
            known, checked, head = piece.known, piece.checked, piece.head
            if piece.complete:
                return head


class _Batch:
    """Updates that are put into an index together."""

    def __init__(self, index: SearchIndex) -> None:
        self.left_out: list[str] = []
        """Sessions that the index knew more of than the update did."""
        self._index = index
        self._updates: list[Update] = []
        self._size = 0

    async def add(self, update: Update) -> None:
        self._updates.append(update)
        self._size += sum(len(lane.documents) for lane in update.lanes)
        if self._size >= _MOST:
            await self.put()

    async def put(self) -> None:
        if self._updates:
            left_out = await self._index.put(self._updates)
            self.left_out += [name for name in dict.fromkeys(left_out) if name not in self.left_out]
        self._updates, self._size = [], 0


def _session(head: Head) -> str:
    return head.partition.removeprefix("session/")
