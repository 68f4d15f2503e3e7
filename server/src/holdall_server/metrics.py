"""What is measured, for Prometheus. Of several workers each writes to its own files; any of them sums them up.

The variable ``PROMETHEUS_MULTIPROC_DIR`` must be set before this is imported: the supervisor of the workers does.
"""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector  # pyright: ignore[reportUnknownVariableType]

from holdall.caching import Cache
from holdall_server.caches import CacheMeasures, hit_ratios
from holdall_server.door import Door
from holdall_server.streams import Streams
from holdall_server.tallies import Count, Spread

__all__ = ["MEDIA", "Meter"]

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)


class Meter:
    """The measures of one worker."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._registry = registry = CollectorRegistry()
        self._requests = Histogram(
            "holdall_request_seconds", "Requests by operation and outcome.", ["operation", "outcome"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._verbs = Histogram(
            "holdall_storage_seconds", "Calls to the storage by backend, verb and outcome.",
            ["backend", "verb", "outcome"], registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._bytes = Counter(
            "holdall_storage_bytes", "Bytes of records to and from the storage.", ["backend", "direction"],
            registry=registry,
        )  # fmt: skip
        self._caches = CacheMeasures(registry)
        self._sweeps = Histogram(
            "holdall_sweep_seconds", "Sweeps of what has expired, by outcome.", ["outcome"], registry=registry,
            buckets=_SECONDS,
        )  # fmt: skip
        self._swept = Counter(
            "holdall_swept", "Expired sessions, and partitions of any kind, that sweeps dropped.", ["kind"],
            registry=registry,
        )  # fmt: skip
        self._last_sweep = Gauge(
            "holdall_last_sweep_timestamp_seconds", "When the last sweep ended well.", registry=registry,
            multiprocess_mode="max",
        )  # fmt: skip
        self._workers = Gauge(
            "holdall_workers", "Worker processes, alive and expected.", ["state"], registry=registry,
            multiprocess_mode="mostrecent",
        )  # fmt: skip
        self._streams = Gauge(
            "holdall_event_streams", "Streams of events that are open, and may be.", ["state"], registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._connections = Gauge(
            "holdall_connections", "Connections that are open, and may be.", ["state"], registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._request_spreads: dict[tuple[str, str], Spread] = {}
        self._verb_spreads: dict[tuple[str, str], Spread] = {}
        self.read = Count(self._bytes.labels(backend, "read"))
        self.written = Count(self._bytes.labels(backend, "written"))
        self.turned_away = Count(
            Counter("holdall_connections_turned_away", "Connections that there was no room for.", registry=registry)
        )
        self.cache: Cache[Any] | None = None
        self.pages: Cache[Any] | None = None
        self.streams: Streams | None = None
        self.door: Door | None = None

    def requests(self, operation: str, outcome: str) -> Spread:
        """The durations of requests that came to ``outcome``."""
        spread = self._request_spreads.get((operation, outcome))
        if spread is None:
            spread = Spread(lambda: self._requests.labels(operation, outcome), _SECONDS)
            self._request_spreads[operation, outcome] = spread
        return spread

    def request(self, operation: str, status: int, seconds: float) -> None:
        """A request was answered."""
        outcome = "ok" if status < 400 else "refused" if status < 500 else "failed"  # noqa: PLR2004 - classes of status
        self.requests(operation, outcome).add(seconds)

    def verbs(self, verb: str, outcome: str) -> Spread:
        """The durations of calls of a verb that came to ``outcome``."""
        spread = self._verb_spreads.get((verb, outcome))
        if spread is None:
            spread = Spread(lambda: self._verbs.labels(self._backend, verb, outcome), _SECONDS)
            self._verb_spreads[verb, outcome] = spread
        return spread

    def swept(self, seconds: float, *, expired: int = 0, dropped: int = 0, failed: bool = False) -> None:
        """A sweep is done."""
        self._sweeps.labels("failed" if failed else "ok").observe(seconds)
        self._swept.labels("session").inc(expired)
        self._swept.labels("partition").inc(dropped)
        if not failed:
            self._last_sweep.set_to_current_time()

    def publish(self, *, alive: int, expected: int) -> None:
        """Bring up to date what is counted elsewhere. Each worker does it now and then, at its end, and when asked.

        Raises ``ExceptionGroup`` of what could not be told; that is not kept.
        """
        failures: list[Exception] = []
        for tally in (
            *self._request_spreads.values(),
            *self._verb_spreads.values(),
            self.read,
            self.written,
            self.turned_away,
        ):
            try:
                tally.hand_over()
            except Exception as error:  # noqa: BLE001 - raised below: the others are to be told, and emptied, all the same
                failures.append(error)
        if failures:
            raise ExceptionGroup("some measures could not be told", failures)
        self._workers.labels("alive").set(alive)
        self._workers.labels("expected").set(expected)
        if self.door is not None:
            self._connections.labels("open").set(len(self.door))
            self._connections.labels("allowed").set(self.door.most)
        if self.streams is not None:
            self._streams.labels("open").set(len(self.streams))
            self._streams.labels("allowed").set(self.streams.most)
        for name, cache in (("sessions", self.cache), ("pages", self.pages)):
            if cache is not None:
                self._caches.publish(name, cache)

    def exposition(self) -> bytes:
        """Everything, of all workers, in Prometheus' text format."""
        registry: CollectorRegistry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # pyright: ignore[reportUnknownVariableType, reportUnusedCallResult]
        return generate_latest(registry) + hit_ratios(registry)
