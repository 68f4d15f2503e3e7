"""Where archives come from and go to: storages of any kind, and one with which others meddle meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from holdall.contract import ISessionStorage, Snapshot, Span
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.settings import StorageRef
from support.storages import Passing

Open = Callable[[str], Awaitable[ISessionStorage]]


@asynccontextmanager
async def opening_in(folder: Path) -> AsyncIterator[Open]:
    """Opens a storage of a kind: always the same one, however often."""
    async with AsyncExitStack() as stack:

        async def open_one(kind: str) -> ISessionStorage:
            place = folder / f"target-{kind}"
            place.mkdir(exist_ok=True)
            options = dict(Plugins().storage(kind).sandbox(place))
            storage = await open_storage(StorageRef(use=kind, options=options), Plugins())
            stack.push_async_callback(storage.close)
            return storage

        yield open_one


class Meddling(Passing):
    """Does something else to the storage before each load of one partition."""

    def __init__(self, storage: ISessionStorage, partition: str, *meddle: Callable[[], Awaitable[object]]) -> None:
        super().__init__(storage)
        self.partition = partition
        self.meddle = list(meddle)

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        if partition == self.partition and self.meddle:
            await self.meddle.pop(0)()
        return await super().load(partition, *spans)


def user(number: int) -> dict[str, Any]:
    return {"role": "user", "content": str(number)}


async def nothing() -> None:
    return
