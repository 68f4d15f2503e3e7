"""Every search finds what reading everything finds, and nothing else: in every language of the shared data.

Covers CV-06, XX-09. Of each file some texts are taken; ``HOLDALL_SEARCH_TEXTS=100000 HOLDALL_SEARCH_QUERIES=100`` takes all.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Sequence

import holdall
from tests.search.reference import parts, plain, words
from tests.search.texts import DATA, texts

SEED = 20_261_127
PER_FILE = int(os.environ.get("HOLDALL_SEARCH_TEXTS", "8"))
PER_KIND = int(os.environ.get("HOLDALL_SEARCH_QUERIES", "10"))
FIXTURES = [
    "The quick brown fox calls getUserName() and user_name twice",
    "在人工智能领域。机器学习很重要",
    "私は機械学習を学んでいます。カタカナも",
    "한국어를 배우고 있습니다",
    "สวัสดีประเทศไทย ผมชอบค้นหา",
    "اللغة العربية الْعَرَبِيَّة جميلة",
    "Überraschung im Café, naïve Straße",
    "Привет, мир! Ёлка стоит",
    "हिन्दी भाषा में खोज",
    "Καλημέρα κόσμε, Άνθρωπος",
    "Tiếng Việt có dấu, İstanbul, ĳs",
    "src/holdall/store.py:12: HTTPServer2 SHA256sum x86_64",
]


class Read:
    """A text as the reference reads it."""

    def __init__(self, text: str) -> None:
        runs = words(text)
        self.glued = [plain(run) for run, is_glued in runs if is_glued]
        self.words = {part for run, is_glued in runs if not is_glued for part in parts(run)}

    def has(self, kind: str, query: str) -> bool:
        if kind == "glued":
            return any(query in run for run in self.glued)
        if kind == "beginning":
            return any(word.startswith(query[:-1]) for word in self.words)
        return all(word in self.words for word in query.split())


def taken() -> list[str]:
    if not DATA.is_dir():
        return FIXTURES * 3
    rng = random.Random(SEED)
    files: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in texts():
        files[name].append(text)
    found = [text for all_ in files.values() for text in rng.sample(all_, min(PER_FILE, len(all_)))]
    return [*FIXTURES, *found]


def asked(read: Sequence[Read], rng: random.Random) -> list[tuple[str, str]]:
    """Queries of each kind, made of what is there and, now and then, of what is not."""
    found: list[tuple[str, str]] = []
    word = [sorted(one.words) for one in read if one.words]
    glued = [one.glued for one in read if one.glued]
    for _ in range(PER_KIND):
        found.append(("word", rng.choice(rng.choice(word))))
        found.append(("word", " ".join(rng.sample(some, min(2, len(some)))) if (some := rng.choice(word)) else ""))
        found.append(("beginning", rng.choice(rng.choice(word))[: rng.randint(2, 6)] + "*"))
        run = rng.choice(rng.choice(glued))
        start = rng.randrange(len(run))
        found.append(("glued", run[start : start + rng.randint(1, 4)]))
        found.append(("glued", run[::-1][:3]))
    return list(dict.fromkeys(found))


async def test_results_equal_brute_force(tmp_path):
    rng = random.Random(SEED)
    all_ = taken()
    read = [Read(text) for text in all_]
    config = {
        "storage": {"use": "memory"},
        "search": {"use": "fts", "options": {"path": str(tmp_path / "search")}, "every": 0},
        "sessions": {"max_message_bytes": 1 << 19, "sweep_every": 0},
    }
    async with holdall.open(config) as store:
        places: dict[tuple[str, str], int] = {}
        for start in range(0, len(all_), 200):
            batch = [{"role": "user", "content": text} for text in all_[start : start + 200]]
            session = await store.create(owner="ana", messages=batch)
            places |= {(session.id, f"msg_main_{at:010}"): start + at for at in range(len(batch))}
        checked = 0
        for kind, query in asked(read, rng):
            wanted = {number for number, one in enumerate(read) if one.has(kind, query)}
            if len(wanted) > 300:
                continue
            found: set[int] = set()
            cursor = None
            while True:
                page = await store.search(query, limit=200, cursor=cursor)
                found |= {places[match.session, match.message.id] for match in page}
                cursor = page.next
                if cursor is None:
                    break
            missing, extra = wanted - found, found - wanted
            assert not missing, (SEED, kind, query, [all_[number][:300] for number in sorted(missing)[:3]])
            assert not extra, (SEED, kind, query, [all_[number][:300] for number in sorted(extra)[:3]])
            checked += 1
        print(f"{checked} searches of {len(all_)} texts, seed {SEED}")
        assert checked > PER_KIND
