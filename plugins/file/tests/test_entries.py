"""What the catalogue makes of news at once is what it would make of them one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdall_file.entries import known_after
from holdall_file.intents import GONE

MARKS = st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 9)), max_size=3)


@st.composite
def histories(draw):
    """Intents on one name as a log has them: some fail, some are decided, a removal now and then."""
    version, at, news = draw(st.integers(1, 5)), 0, []
    for fails in draw(st.lists(st.booleans(), max_size=14)):
        news.append(("n", version, at, draw(MARKS)))
        if not fails:
            at = version
            if draw(st.integers(0, 9)) == 0:
                news.append(("n", at, GONE, {}))
                at = 0
        version = max(at, version) + 1 if not at or draw(st.integers(0, 9)) == 0 else at + 1
    cut = draw(st.integers(0, len(news)))
    return news[:cut], news[cut:]


def one_by_one(entries, news):
    """The rule, as the module's docstring states it."""
    for _, version, on, marks in news:
        if on == GONE:
            entries = {entry for entry in entries if entry[2] > version}
            continue
        if on:
            kinds = {entry[0] for entry in entries if entry[2] <= on}
            entries = {max((e for e in entries if e[0] == k and e[2] <= on), key=lambda e: e[2]) for k in kinds}
        entries |= {("", 0, version), *((f"={mark}", score, version) for mark, score in marks.items())}
    return entries


@given(histories())
def test_news_at_once_and_one_by_one_make_the_same(history):
    before, news = history
    known = one_by_one(set(), before)
    assert known_after(set(), before) == known
    assert known_after(set(known), news) == one_by_one(set(known), news)


def test_of_what_was_announced_twice_for_one_version_the_last_counts():
    news = [("n", 1, 0, {"a": 1}), ("n", 2, 1, {"a": 2, "b": 2}), ("n", 2, 1, {"a": 3}), ("n", 3, 2, {})]
    assert known_after(set(), news) == {("", 0, 2), ("=a", 3, 2), ("", 0, 3)}
