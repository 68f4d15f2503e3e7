"""How often a cache answers, by its policy, on what real transcripts ask for; and what the policy costs."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from holdall.caching import Cache, CachePolicy, LeastRecentlyUsed
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.traces import Ask, trace

SHARES = (0.005, 0.02, 0.1)
"""How much of everything the cache has room for."""


class Foreknowing:
    """Gives up what is asked for again last, or never: what no policy can know. A bound, nearly, for all of them."""

    def __init__(self, asked: list[Ask]) -> None:
        self._next: list[float] = [0.0] * len(asked)
        seen: dict[Hashable, float] = {}
        for at in range(len(asked) - 1, -1, -1):
            self._next[at] = seen.get(asked[at][0], float("inf"))
            seen[asked[at][0]] = at
        self.at = 0
        self._held: dict[Hashable, float] = {}
        self._heap: list[tuple[float, str]] = []

    def admit(self, key: Hashable, size: int) -> bool:
        """Hold it, unless nobody asks again."""
        if self._next[self.at] == float("inf"):
            return False
        self.touch(key)
        return True

    def touch(self, key: Hashable) -> None:
        """Know when it is asked for next."""
        self._held[key] = self._next[self.at]
        heapq.heappush(self._heap, (-self._next[self.at], str(key)))

    def evict(self) -> Hashable:
        """The one that is asked for last."""
        while True:
            when, key = heapq.heappop(self._heap)
            if self._held.get(key) == -when:
                del self._held[key]
                return key

    def forget(self, key: Hashable) -> None:
        """Hold it no longer."""
        self._held.pop(key, None)


def policies() -> dict[str, Callable[[], CachePolicy]]:
    """Those that are compared."""
    from holdall_policies import Oldest, Sieve, TinyLFU  # noqa: PLC0415 - where it is installed

    return {
        "least recently used": LeastRecentlyUsed,
        "oldest": Oldest,
        "SIEVE": Sieve,
        "W-TinyLFU, window 1 %": lambda: TinyLFU(0.01),
        "W-TinyLFU, window 20 %": lambda: TinyLFU(0.2),
    }


def replay(asked: list[Ask], policy: CachePolicy, most: int) -> tuple[float, float]:
    """The share of hits, and microseconds of CPU per look-up."""
    cache: Cache[int] = Cache(policy, most)
    foreknowing = policy if isinstance(policy, Foreknowing) else None
    began = time.process_time()
    for at, (key, size) in enumerate(asked):
        if foreknowing is not None:
            foreknowing.at = at
        if cache.get(key) != size:
            cache.put(key, size, size)
    spent = time.process_time() - began
    return cache.hits / len(asked), spent / len(asked) * 1e6


def run(backend: str, plan: Plan) -> list[Row]:
    """Every policy on every trace, with room for a part of everything."""
    rows: list[Row] = []
    for walks in (False, True):
        asked = trace(max(20, plan.count), walks=walks)
        if not asked:
            return [skipped("hits", backend, "", "the real transcripts are not there", "missing")]
        everything = sum(OrderedDict(asked).values())
        name = "a day with four exports" if walks else "a day"
        for share in SHARES:
            rows += _compared(backend, f"{name}, room for {share:.1%}", asked, int(everything * share))
    return rows


def _compared(backend: str, case: str, asked: list[Ask], most: int) -> list[Row]:
    found = {name: replay(asked, make(), most) for name, make in policies().items()}
    found["one that knows the future"] = replay(asked, Foreknowing(asked), most)
    usual = found["least recently used"][0]
    return [
        Row(
            "hits", backend, f"{case}: {name}", 100 * hits, "%", hits / usual if usual else None, "least recently used",
            more={"cpu_us": cost, "lookups": len(asked)},
        )
        for name, (hits, cost) in found.items()
    ]  # fmt: skip
