"""What is measured of caches: look-ups, hit ratio, bytes, entries, and how much they may hold."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily

from holdall.caching import Cache

__all__ = ["CacheMeasures", "hit_ratios"]

_LOOKUPS = "holdall_cache_lookups"


class CacheMeasures:
    """The measures of every cache of a worker, by its name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, about: str) -> Gauge:
            return Gauge(name, about, ["cache"], registry=registry, multiprocess_mode="livesum")

        self._lookups = Counter(_LOOKUPS, "Look-ups in a cache.", ["cache", "outcome"], registry=registry)
        self._bytes = gauge("holdall_cache_bytes", "Bytes that a cache holds.")
        self._entries = gauge("holdall_cache_entries", "Entries that a cache holds.")
        self._most = gauge("holdall_cache_max_bytes", "Bytes that a cache may hold.")
        self._counted: dict[str, tuple[int, int]] = {}

    def publish(self, name: str, cache: Cache[Any]) -> None:
        """Bring up to date what ``cache`` counts itself."""
        hits, misses = self._counted.get(name, (0, 0))
        self._lookups.labels(name, "hit").inc(cache.hits - hits)
        self._lookups.labels(name, "miss").inc(cache.misses - misses)
        self._counted[name] = cache.hits, cache.misses
        for gauge, value in ((self._bytes, cache.size), (self._entries, len(cache)), (self._most, cache.max_bytes)):
            gauge.labels(name).set(value)


def hit_ratios(registry: CollectorRegistry) -> bytes:
    """The share of hits of each cache since the start, over all the workers that ``registry`` knows."""
    counts: dict[str, dict[str, float]] = {}
    for family in registry.collect():
        if family.name == _LOOKUPS:
            for sample in family.samples:
                if sample.name == f"{_LOOKUPS}_total":
                    counts.setdefault(sample.labels["cache"], {})[sample.labels["outcome"]] = sample.value
    ratios = GaugeMetricFamily("holdall_cache_hit_ratio", "Hits among the look-ups since the start.", labels=["cache"])
    for name, count in sorted(counts.items()):
        ratios.add_metric([name], count.get("hit", 0) / (sum(count.values()) or 1))
    told = CollectorRegistry()
    told.register(_Told(ratios))
    return generate_latest(told)


class _Told:
    """A collector of what is known already."""

    def __init__(self, family: GaugeMetricFamily) -> None:
        self._family = family

    def collect(self) -> list[GaugeMetricFamily]:
        """The family."""
        return [self._family]
