"""Every search finds what reading everything finds, and nothing else: in every language of the shared data.

Covers CV-06, XX-09. Of each file some texts are taken; ``test_whole.py`` takes all of them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import holdall
from tests.search.comparing import Comparison
from tests.search.corpus import dealt, stored
from tests.search.questions import asked
from tests.search.texts import DATA, texts

SEED, PER_FILE, PER_KIND, LONGEST = 20_261_127, 8, 6, 10_000
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
    "Party 🎉🎉 with 👨‍👩‍👧 in 🇩🇪, not 🇩 🇪, 👍🏽 first 1️⃣ then 2️⃣",
]


def taken() -> list[str]:
    """The fixtures, and some texts of each file."""
    rng = random.Random(SEED)
    files: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in texts() if DATA.is_dir() else ():
        if len(text) <= LONGEST:
            files[name].append(text)
    found = [text for all_ in files.values() for text in rng.sample(all_, min(PER_FILE, len(all_)))]
    return [*FIXTURES * 3, *found]


async def test_results_equal_brute_force(tmp_path: Path) -> None:
    config = {
        "storage": {"use": "memory"},
        "search": {"use": "fts", "options": {"path": str(tmp_path / "search")}, "every": 0},
        "sessions": {"max_message_bytes": 1 << 19, "sweep_every": 0},
    }
    all_ = taken()
    talks = dealt(all_, random.Random(SEED), longest=60)
    async with holdall.open(config) as store:
        done = Comparison(talks, await stored(store, talks), list(asked(talks, PER_KIND, SEED)))
        await done.newest_first(store)
        await done.best_first(store)
        await done.each_their_own(store)
    print(f"{done.searches.total()} searches of {len(all_)} texts, seed {SEED}")
    told = "\n".join(done.wrong)
    assert not told
    assert done.searches.total() > 10 * PER_KIND
