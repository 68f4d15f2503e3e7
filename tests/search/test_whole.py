"""Every text of the shared data, and hundreds of searches: each finds what reading everything finds, in that order.

``HOLDALL_SEARCH_SEED`` and ``HOLDALL_SEARCH_EACH`` draw other questions, and more of each kind.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.sessions.store import Store
from tests.search.comparing import Comparison
from tests.search.corpus import Talk, dealt, stored
from tests.search.questions import asked
from tests.search.texts import DATA, texts

SEED = int(os.environ.get("HOLDALL_SEARCH_SEED", "20261127"))
EACH = int(os.environ.get("HOLDALL_SEARCH_EACH", "10"))
TEXTS = int(os.environ.get("HOLDALL_SEARCH_TEXTS", "0")) or None

pytestmark = [
    pytest.mark.covers("CV-06", "XX-09"),
    pytest.mark.thorough,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not DATA.is_dir(), reason="the texts are not beside the checkout (shared/data)"),
]


@asynccontextmanager
async def opened(folder: Path, wait: float = 3600) -> AsyncIterator[Store]:
    config: dict[str, Any] = {
        "storage": {"use": "file", "options": {"path": str(folder / "data"), "durability": "process"}},
        "search": {"use": "fts", "options": {"path": str(folder / "search")}, "every": 0, "wait": wait},
        "sessions": {"max_message_bytes": 1 << 20, "sweep_every": 0},
    }
    async with holdall.open(config) as store:
        yield store


def whole() -> list[Talk]:
    """All of it, as messages of sessions; no text twice in a file."""
    rng = random.Random(SEED)
    found = list(texts())
    chosen = found if TEXTS is None else rng.sample(found, TEXTS)
    print(f"{len(chosen)} texts of {len({name for name, _ in chosen})} files, seed {SEED}")
    return dealt([text for _, text in chosen], rng, longest=2500 if TEXTS is None else 250)


async def test_every_search_finds_what_reading_everything_finds(tmp_path: Path) -> None:
    began = time.process_time()
    talks = whole()
    async with opened(tmp_path) as store:
        places = await stored(store, talks)
        done = Comparison(talks, places, list(asked(talks, EACH, SEED)))
        _tell(f"{len(talks)} sessions stored, {len(done.wanted)} questions worked out", began)
        await done.newest_first(store)
        _tell("newest first", began)
        await done.best_first(store)
        _tell("best first", began)
        await done.each_their_own(store)
        _tell("each their own", began)
        before = len(done.wrong)
        await while_it_is_made_anew(tmp_path, store)
        await done.newest_first(store)
        _tell("after it was made anew, twice", began)
    told = "\n".join(done.wrong)
    print(f"{done.searches.total()} searches, {done.found} matches, {before} + {len(done.wrong) - before} wrong")
    print(dict(done.searches), told, sep="\n")
    assert not told


async def while_it_is_made_anew(folder: Path, store: Store) -> None:
    """Two others append and search while the folder is deleted, and then while it is made anew on demand."""
    async with opened(folder, wait=0) as one, opened(folder, wait=0) as other:
        for anew in (lambda: _deleted(folder), store.reindex):
            said: dict[str, str] = {}
            talking = [asyncio.create_task(_talk(each, said)) for each in (one, other)]
            await anew()
            assert (await store.search("nothing")).complete
            for task in talking:
                task.cancel()
            ended = await asyncio.gather(*talking, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
            print(f"{len(said)} appended, and found at once, meanwhile")
            assert len(said) > 1
            for word in said:
                assert [match.message.text for match in await store.search(word)] == [word]
            for session in set(said.values()):
                await store.delete(session)


async def _deleted(folder: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, folder / "search")


async def _talk(store: Store, said: dict[str, str]) -> None:
    """Append a word, and find it, while the rest is being read."""
    session = await store.create(owner="eve")
    for number in count():
        word = f"meanwhile{session.id.replace('-', '')[-8:]}{number}"
        said[word] = session.id
        await session.append({"role": "user", "content": word})
        assert [match.message.text for match in await store.search(word, owner="eve")] == [word]


def _tell(what: str, began: float) -> None:
    print(f"{what}: {time.process_time() - began:.0f} s of processor time", flush=True)
