"""What a worker holds while it serves: settings, access, the open store, and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

from holdall import Principal, Settings, StorageError, Store
from holdall.formats import Formats
from holdall_server.access import Access
from holdall_server.metrics import Meter
from holdall_server.operations import Operation
from holdall_server.probing import Probe
from holdall_server.rendered import cache
from holdall_server.streams import Streams

__all__ = ["Service", "Workers"]


class Workers(Protocol):
    """The processes that serve together."""

    @property
    def expected(self) -> int:
        """How many there should be."""
        ...

    @property
    def alive(self) -> int:
        """How many there are."""
        ...


class OneWorker:
    """A server of one process."""

    expected = alive = 1


class Service:
    """One worker's state."""

    def __init__(
        self, settings: Settings, access: Access, operations: Sequence[Operation], workers: Workers | None = None
    ) -> None:
        self.settings = settings
        self.access = access
        self.operations = operations
        self.workers: Workers = workers or OneWorker()
        self.meter = Meter(settings.storage.use)
        self.pages = self.meter.pages = cache()
        self.stopping = False
        self.streams = Streams(settings.server.max_streams, settings.server.max_owner_streams)
        self.meter.streams = self.streams
        self.describe: Callable[[], bytes] = bytes
        """Makes the OpenAPI document."""
        self._store: Store | None = None
        self._stores: dict[Principal, Store] = {}
        self.probe: Probe | None = None

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document, made when somebody asks: a worker that takes a dead one's place has no time for it."""
        return self.describe()

    @cached_property
    def formats(self) -> Formats:
        """The formats that a session can be exported to: none is imported because a client names it."""
        return Formats.of(self.settings)

    @property
    def store(self) -> Store:
        """The open store, for trusted code only: nothing is checked."""
        if self._store is None:
            raise StorageError("the store is not open")
        return self._store

    def forget(self) -> None:
        """Keep no page that was sent."""
        self.pages.clear()

    def use(self, store: Store) -> None:
        """Serve from ``store``."""
        self._store = store
        self._stores = {principal: store.acting_as(principal) for principal in self.access.principals}
        self.probe = Probe(store.engine)
        self.meter.cache = store.engine.states

    def store_for(self, principal: Principal) -> Store:
        """The store with every access checked against ``principal``."""
        return self._stores[principal]
