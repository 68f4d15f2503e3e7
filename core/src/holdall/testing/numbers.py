"""What a plugin costs here, for its capability report: medians, on this machine, of work that is always the same."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from holdall.caching import Cache
from holdall.contract import Scan, Span
from holdall.sessions.compaction.entries import tokens_of
from holdall.sessions.summaries import Brief
from holdall.testing import (
    ciphers,
    compactors,
    compressors,
    formats,
    keys,
    policies,
    searches,
    summarisers,
    tokenizers,
)
from holdall.testing.bench import Bench
from holdall.testing.conversations import Words, entries_of
from holdall.testing.kinds import Tested
from holdall.testing.opening import Subject
from holdall.testing.samples import records
from holdall.testing.steps import Step

__all__ = ["numbers"]

Numbers = Mapping[str, float]
_COUNT = 200


def numbers(found: Tested) -> Numbers:
    """The numbers of a plugin that passed its tests; the names say their units."""
    measure = _MEASURES[found.kind]
    with tempfile.TemporaryDirectory(prefix="holdall-numbers-") as folder:
        options = {"folder": folder} if found.kind == "format" else found.offer.sandbox(Path(folder))
        return {name: float(f"{value:.3g}") for name, value in measure(found, options)}


def _median_us(work: Iterable[Callable[[], object]]) -> float:
    times: list[float] = []
    for each in work:
        began = time.perf_counter()
        each()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def _storage(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    bench = Bench(Subject(found.plugin, found.file), options)
    told: dict[str, float] = {}

    async def timed(name: str, work: Callable[[int], Any]) -> None:
        times: list[float] = []
        for at in range(_COUNT):
            began = time.perf_counter()
            await work(at)
            times.append(time.perf_counter() - began)
        told[name] = statistics.median(times) * 1e6

    async def body() -> None:
        data = records(_COUNT)
        await bench.put(Step("p").mark("m", 1))
        await timed("commit_us", lambda at: bench.put(bench.onto("p").append("a", data[at]).mark("m", at)))
        await timed("load_50_us", lambda _: bench.store.load("p", Span("a", -50)))
        await timed("scan_us", lambda _: bench.store.scan(Scan("m", limit=1, descending=True)))

    bench.run(lambda: asyncio.wait_for(body(), 100))
    return told.items()


def _compressor(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    compressor, data = compressors.opened(found, options), records(_COUNT)
    small = [compressor.compress(each) for each in data]
    yield "size_ratio", sum(map(len, small)) / sum(map(len, data))
    yield "record_bytes", sum(map(len, data)) / len(data)
    yield "compress_us", _median_us((lambda each=each: compressor.compress(each)) for each in data)
    yield "decompress_us", _median_us((lambda each=each: compressor.decompress(each, 1 << 20)) for each in small)
    yield "deterministic", float(compressors.opened(found, options).compress(data[0]) == small[0])


def _cipher(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    cipher, data, bound = ciphers.opened(found, options), records(_COUNT), ciphers.place()
    sealed = [ciphers.Sealed.by(cipher, each, bound) for each in data]
    yield "bytes_more", len(sealed[0].data) - len(data[0])
    yield "record_bytes", sum(map(len, data)) / len(data)
    yield "encrypt_us", _median_us((lambda each=each: ciphers.Sealed.by(cipher, each, bound)) for each in data)
    yield "decrypt_us", _median_us((lambda each=each: each.read(cipher)) for each in sealed)


def _policy(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """20,000 look-ups of 2,000 keys, the n-th asked for 1/n as often; room for a tenth of them, and a walk through all."""
    rng = random.Random(7)  # noqa: S311 - the same look-ups on every run
    keys = rng.choices(range(2_000), [1 / (n + 1) for n in range(2_000)], k=20_000)
    keys[10_000:10_000] = range(2_000)
    cache: Cache[int] = Cache(policies.opened(found, options), 200)
    began = time.perf_counter()
    for key in keys:
        if cache.get(key) is None:
            cache.put(key, key, 1)
    yield "lookup_us", (time.perf_counter() - began) / len(keys) * 1e6
    yield "hit_ratio", cache.hits / len(keys)


def _key_source(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    async def body() -> dict[str, float]:
        source = await keys.opened(found, options)
        times: Mapping[str, list[float]] = {"wrap_us": [], "unwrap_us": []}
        for at in range(50):
            began = time.perf_counter()
            key_id, wrapped = await source.wrap(at.to_bytes(32, "big"))
            between = time.perf_counter()
            await source.unwrap(key_id, wrapped)
            times["unwrap_us"].append(time.perf_counter() - between)
            times["wrap_us"].append(between - began)
        return {name: statistics.median(each) * 1e6 for name, each in times.items()}

    return asyncio.run(body()).items()


def _tokenizer(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    tokenizer, texts = tokenizers.opened(found, options), [record.decode() for record in records(_COUNT)]
    yield "characters_per_token", sum(map(len, texts)) / sum(map(tokenizer.count, texts))
    yield "count_us", _median_us((lambda each=each: tokenizer.count(each)) for each in texts)


def _compactor(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    compactor, entries = compactors.opened(found, options), entries_of(summarisers.talk(1_000))
    budget = tokens_of(entries) // 4
    yield "compact_1000_us", _median_us([lambda: compactor.compact(entries, budget)] * 20)


def _summariser(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    brief = Brief(summarisers.talk(200), 100, Words().count)

    async def body() -> None:
        await summarisers.opened(found, options).summarise(brief)

    yield "summarise_200_us", _median_us([lambda: asyncio.run(body())] * 3)


def _index(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """200 sessions of ten messages, put one by one, and a word of each of them looked up."""

    async def body() -> dict[str, float]:
        async with searches.opened(found, options) as index:
            puts, finds = list[float](), list[float]()
            for at in range(_COUNT):
                texts = [f"message {number} of session {at} says word{at * 10 + number}" for number in range(10)]
                began = time.perf_counter()
                await index.put([searches.update(f"session-{at:020}", texts)])
                puts.append(time.perf_counter() - began)
            for at in range(_COUNT):
                began = time.perf_counter()
                await index.find(searches.wanted(f"word{at}"))
                finds.append(time.perf_counter() - began)
        return {"put_10_us": statistics.median(puts) * 1e6, "find_us": statistics.median(finds) * 1e6}

    return asyncio.run(body()).items()


_MEASURES = {
    "storage": _storage,
    "compressor": _compressor,
    "cipher": _cipher,
    "cache policy": _policy,
    "key source": _key_source,
    "tokenizer": _tokenizer,
    "compactor": _compactor,
    "summariser": _summariser,
    "search index": _index,
    "format": formats.costs,
}
