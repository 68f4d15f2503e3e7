"""How long a search looks at one text, and how long at once: ``python -m tests.bench.phrases [--size CHARACTERS]``.

Texts and queries are the worst that a client may send, and prose beside them. What is told is processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from holdall.searching import Query
from holdall.sessions.search.views import snippet_of

_PROSE = "the quick brown fox calls getUserName of user_name, and what it is told is kept in a store. "


def cases(size: int) -> Iterator[tuple[str, str, str]]:
    """What is asked, the query, the text."""
    yield "90 words, a text of one word", f'"{"run " * 90}"', "run " * size
    yield "500 letters, a text of one", f'"{"a " * 499}"', "a " * size
    yield "900 Chinese characters", "人" * 900, "人" * size
    yield "parts of words", f'"{"aAaB " * 190}"', "aAaB " * size
    yield (
        "32 words",
        " ".join(f"w{number}" for number in range(32)),
        " ".join(f"w{number}" for number in range(32)) * size,
    )
    yield "32 beginnings of one", " ".join("a" * number + "*" for number in range(1, 33)), ("a" * 32 + " ") * size
    yield "a word that is everywhere", "a", "a " * size
    yield "a text of one word", "a", "a" * size
    yield "prose: a phrase", '"calls getUserName of"', _PROSE * size
    yield "prose: a word at its end", "zebra", (_PROSE * size)[: size - 6] + " zebra"


def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1 << 18, help="characters of each text")
    size = parser.parse_args().size
    print(f"{size:,} characters: {'processor time':>38} {'the longest step':>17}")
    for name, asked, text in cases(size):
        whole, longest = _looked(Query(asked), text[:size])
        print(f"{name:36} {whole * 1000:18.1f} ms {longest * 1000:14.1f} ms")


def _looked(query: Query, text: str) -> tuple[float, float]:
    """Seconds in all, and of the longest step."""
    steps, taken = query.looking(text), list[float]()
    while True:
        began = time.thread_time()
        try:
            next(steps)
        except StopIteration as found:
            snippet_of(text, found.value)
            taken.append(time.thread_time() - began)
            return sum(taken), max(taken)
        taken.append(time.thread_time() - began)


if __name__ == "__main__":
    main()
