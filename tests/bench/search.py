"""Search at 10,000, 100,000 and 1,000,000 messages: ``python -m tests.bench.search --messages N --folder F --out R.json``.

The messages are pieces of the texts of the shared data (or of the benchmark's own, where that is not there), four in five
of at most 60 words; three in ten name something that no other does. Sessions have 50 of them. Everything goes the way that
it goes for users: they are appended to a file storage, and read from there into the index.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import random
import statistics
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import holdall
from holdall.searching import Query, Wanted
from tests.bench import corpus
from tests.search.texts import CHATS, DATA, texts

SEED, PER_SESSION, OWNERS, ROUNDS = 1789, 50, 100, 15
_LONGEST = 100_000


def pieces(count: int) -> Iterator[str]:
    """So many messages, the same on every run."""
    rng = random.Random(SEED)
    there = texts(*CHATS) if DATA.is_dir() else (("", corpus.message(number)["content"]) for number in range(997))
    words = [text.split(" ") for _, text in there if 20 < len(text) <= _LONGEST]
    reach = list(accumulate(map(len, words)))
    for number in range(count):
        source = words[bisect_right(reach, rng.randrange(reach[-1]))]
        length = int(rng.lognormvariate(3.2, 0.9)) + 3
        start = int(rng.random() * max(len(source) - length, 1))
        text = " ".join(source[start : start + length])[:4000]
        yield f"{text} ref-{rng.getrandbits(40):010x}" if number % 10 < 3 else text


def queries(rng: random.Random, unique: list[str]) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is asked, by its kind; each call asks for something else where that is possible."""
    common = ["the", "to", "and", "of", "a"]
    return {
        "rare: one message": lambda: {"query": rng.choice(unique)},
        "rare: none": lambda: {"query": f"zq{rng.getrandbits(40):x}"},
        "common, newest": lambda: {"query": rng.choice(common)},
        "two common, newest": lambda: {"query": " ".join(rng.sample(common, 2))},
        "common and rare": lambda: {"query": f"the {rng.choice(unique)}"},
        "common, one owner": lambda: {"query": rng.choice(common), "owner": f"owner-{rng.randrange(OWNERS)}"},
        "phrase": lambda: {"query": rng.choice(['"in the"', '"of the"', '"to be"'])},
        "beginning": lambda: {"query": rng.choice(["inst*", "conf*", "direct*"])},
        "Chinese": lambda: {"query": rng.choice(["电影", "导演", "你知道"])},
        "common, best of the newest 10,000": lambda: {"query": rng.choice(common), "order": "best"},
        "two common, best of the newest 10,000": lambda: {"query": " ".join(rng.sample(common, 2)), "order": "best"},
    }


async def fill(config: dict[str, Any], count: int) -> tuple[int, list[str]]:
    """Store the messages; returns how many bytes of text they are, and some of the names that only one has."""
    size, unique = 0, list[str]()
    async with holdall.open({**config, "search": {}}) as store:
        batch: list[dict[str, Any]] = []
        for number, text in enumerate(pieces(count)):
            size += len(text.encode())
            if number % 10 < 3 and number % 997 < 3:
                unique.append(text.rpartition("ref-")[2])
            batch.append({"role": ("user", "assistant")[number % 2], "content": text})
            if len(batch) == PER_SESSION or number == count - 1:
                await store.create(owner=f"owner-{number // PER_SESSION % OWNERS}", messages=batch)
                batch = []
    return size, unique


async def measure(config: dict[str, Any], unique: list[str]) -> dict[str, Any]:
    """Build the index, and ask it."""
    async with holdall.open(config) as store:
        keeper = store.engine.keeper
        assert keeper is not None
        began, cpu = time.perf_counter(), time.process_time()
        await keeper.current(wait=1e9)
        built = {"build_s": time.perf_counter() - began, "build_cpu_s": time.process_time() - cpu}
        while await keeper.index.tidy():
            pass
        built["tidied_s"] = time.perf_counter() - began
        rows: dict[str, Any] = {}
        rng = random.Random(SEED)
        for name, make in queries(rng, unique).items():
            whole, named, cpus, hits = [], [], [], 0
            for _ in range(ROUNDS):
                asked = make()
                began, cpu = time.perf_counter(), time.process_time()
                page = await store.search(**asked)
                whole.append(time.perf_counter() - began)
                cpus.append(time.process_time() - cpu)
                hits = len(page)
                wanted = Wanted(
                    needs=Query(asked["query"]).needs, owner=asked.get("owner"), best="order" in asked, limit=22
                )
                began = time.perf_counter()
                await keeper.index.find(wanted)
                named.append(time.perf_counter() - began)
            told = {"p50_ms": whole, "p95_ms": whole, "cpu_p50_ms": cpus, "index_p50_ms": named}
            rows[name] = {
                key: round(_quantile(values, 0.95 if "95" in key else 0.5) * 1000, 2) for key, values in told.items()
            }
            rows[name]["hits"] = hits
        session = await store.create(owner="owner-0", messages=[{"role": "user", "content": "first"}])
        fresh = []
        for _ in range(ROUNDS):
            word = f"fresh{time.time_ns()}"
            await store.append(session.id, [{"role": "user", "content": word}])
            began = time.perf_counter()
            assert len(await store.search(word)) == 1
            fresh.append(time.perf_counter() - began)
        rows["after each append"] = {"p50_ms": round(statistics.median(fresh) * 1000, 2)}
    return {**{name: round(value, 1) for name, value in built.items()}, "queries": rows}


def _quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def main() -> None:
    """Measure one size, and keep it beside the others in the file of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the store and the index go, and stay")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fill", action="store_true", help="only store the messages, to be measured later")
    args = parser.parse_args()
    folder = args.folder / str(args.messages)
    config = {
        "storage": {"use": "file", "options": {"path": str(folder / "data"), "durability": "process"}},
        "search": {"use": "fts", "options": {"path": str(folder / "search")}, "every": 0},
    }
    facts = folder / "facts.json"
    if not facts.exists():
        size, unique = asyncio.run(fill(config, args.messages))
        facts.write_text(json.dumps([size, unique]))
    if args.fill:
        return
    size, unique = json.loads(facts.read_text())
    there = (folder / "search").is_dir()
    found = asyncio.run(measure(config, unique))
    index = sum(path.stat().st_size for path in (folder / "search").iterdir())
    row = {
        "messages": args.messages,
        "text_bytes": size,
        "index_bytes": index,
        "ratio": round(index / size, 3),
        **found,
    }
    kept = json.loads(args.out.read_text()) if args.out.exists() else {"sizes": []}
    sizes = {one["messages"]: one for one in kept["sizes"]}
    if there and args.messages in sizes:  # it was built by an earlier run
        row |= {name: sizes[args.messages][name] for name in ("build_s", "build_cpu_s", "tidied_s")}
    sizes[args.messages] = row
    document = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "sizes": [sizes[count] for count in sorted(sizes)]}
    args.out.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
