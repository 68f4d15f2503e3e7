"""What a query finds in a text, and that an index by terms never misses it.

Covers CV-06.
"""
# ruff: noqa: RUF001 - letters of many scripts are what this is about

from __future__ import annotations

import random
import sys
import tracemalloc
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdall.errors import Invalid
from holdall.searching import Query, terms_of
from holdall.searching.words import atoms

FOUND = [
    ("葛飾", "葛\U000e0100飾区", "葛\U000e0100飾"),
    ("1", "first: 1\ufe0f\u20e3", "1\ufe0f\u20e3"),
    ("love", "\u2764\ufe0flove", "\ufe0flove"),
    ("hello", "Hello, world!", "Hello"),
    ("HELLO world", "world says hello", "hello"),
    ("wor*", "Hello, world!", "world"),
    ('"hello world"', "he said: hello, world", "hello, world"),
    ('"hello wor*"', "hello world", "hello world"),
    ("“hello world”", "hello world", "hello world"),
    ("getUserName", "call getUserName()", "getUserName"),
    ("getUserName", "get_user_name = 1", "get_user_name"),
    ("get_user_name", "call getUserName()", "getUserName"),
    ("user", "call getUserName()", "User"),
    ("getusername", "call getUserName()", "getUserName"),
    ("getu*", "call getUserName()", "getUserName"),
    ("GitHub", "on github", "github"),
    ('"uses javascript here"', "it uses JavaScript here", "uses JavaScript here"),
    ("HTTPServer", "an http server", "http server"),
    ("src/holdall/store.py", "see src/holdall/store.py:12", "src/holdall/store.py"),
    ("store.py", "see src/holdall/store.py:12", "store.py"),
    ("sha256", "SHA256sum", "SHA256"),
    ("cafe", "un Café crème", "Café"),
    ("CAFÉ", "cafe", "cafe"),
    ("straße", "STRASSE", "STRASSE"),
    ("naive", "nai\u0308ve", "nai\u0308ve"),
    ("人工智能", "在人工智能领域", "人工智能"),
    ("智", "在人工智能领域", "智"),
    ("機械学習", "私は機械学習を学ぶ", "機械学習"),
    ("ガス", "ｶﾞｽ", "ｶﾞｽ"),
    ("が", "か\u3099く", "か\u3099"),
    ("한국어", "한국어를 배우다", "한국어"),
    ("한", "\u1112\u1161\u11ab국", "\u1112\u1161\u11ab"),
    ("ประเทศ", "ในประเทศไทย", "ประเทศ"),
    ("العربية", "اللغة الْعَرَبِيَّة", "الْعَرَبِيَّة"),
    ("हिन्दी", "हिन्दी भाषा", "हिन्दी"),
    ("привет", "Привет, мир", "Привет"),
    ("🎉", "done 🎉!", "🎉"),
    ("👍", "yes 👍🏽", "👍"),
    ("🇩🇪", "in 🇫🇷🇩🇪", "🇩🇪"),
    ("ＡＢＣ", "abc", "abc"),
    ("iPhone手机", "新的 iPhone手机 来了", "iPhone手机"),
    ("don't", "I don’t know", "don’t"),
    ("3.14", "pi is 3.14", "3.14"),
]
NOT_FOUND = [
    ("hell", "hello"),
    ('"world hello"', "hello world"),
    ("hello there", "hello"),
    ("user", "username"),
    ("人智", "人工智能"),
    ("好世", "你好。世界"),
    ("か", "が"),
    ("มา", "ม า"),
]


def indexed(query: Query, text: str) -> bool:
    """Whether an index that has the terms of ``text`` names it."""
    terms = terms_of(text)

    def has(lookup):
        return any(term.startswith(lookup.term) for term in terms) if lookup.prefix else lookup.term in terms

    return all(any(all(map(has, lookups)) for lookups in need) for need in query.needs)


@pytest.mark.parametrize(("query", "text", "shown"), FOUND)
def test_found(query, text, shown):
    asked = Query(query)
    assert shown in [text[start:stop] for start, stop in asked.places(text)]
    assert indexed(asked, text)


@pytest.mark.parametrize(("query", "text"), NOT_FOUND)
def test_not_found(query, text):
    assert Query(query).places(text) == []


@pytest.mark.parametrize("query", ["", "  ", "...", '"', "*", "word " * 500, " ".join(map(str, range(40)))])
def test_what_cannot_be_looked_for_is_refused(query):
    with pytest.raises(Invalid):
        Query(query)


WORDS = st.text(
    st.sampled_from("abAB1_ -.é日本語がｶﾞไทยमि한글ßﬁ🎉👍🏽İ\ufe0f\u20e3\U000e0100\u0301\u3099\u1112\u1161"),
    min_size=1,
    max_size=12,
)


@given(WORDS, WORDS, st.sampled_from(["{}", '"{}"', "{}*"]))
@example("ba", "aBa", "{}*")
@example("A", "\u0e17\ufe0fa", "{}")
def test_an_index_by_terms_misses_nothing(inner, around, form):
    try:
        query = Query(form.format(inner.replace('"', "")))
    except Invalid:
        return
    for text in (around, f"{around} {inner}", f"{around}{inner}", f"{inner}{around}"):
        if query.places(text):
            assert indexed(query, text), (inner, text)


@given(WORDS)
def test_every_text_is_found_by_itself(text):
    try:
        query = Query(f'"{text}"')
    except Invalid:
        assert not terms_of(text)
        return
    assert query.places(text)


def everywhere(query, text):
    """What a query means: each term is tried at each atom of ``text``, word by word."""
    words = list(atoms(text))
    found = [
        [(words[at].start, stop) for at in range(len(words)) if (stop := end_of(term, words, at))]
        for term in query.terms
    ]
    joined = []
    for place in sorted(chain(*found)) if all(found) else []:
        if joined and place[0] < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], place[1])
        else:
            joined.append(place)
    return joined


def end_of(term, words, at):
    """Where the term ends that begins at an atom, if it does."""
    for index, word in enumerate(term.words):
        if at >= len(words) or (word.glued and not words[at].glued):
            return None
        same = str.startswith if term.prefix and index == len(term.words) - 1 else str.__eq__
        parts = [atom.text for atom in words[at : at + len(word.parts)]]
        if same(parts[0], word.whole):
            at += 1
        elif words[at].whole and same(words[at].whole, word.whole):
            at += words[at].parts
        elif len(parts) > 1 and (*parts[:-1], word.parts[-1]) == word.parts and same(parts[-1], word.parts[-1]):
            at += len(parts)
        else:
            return None
    return words[at - 1].stop


PLAIN = st.text(st.sampled_from("abABx1_ -.→日本が한글🎉—"), min_size=0, max_size=30)


@given(
    PLAIN, st.lists(st.text(st.sampled_from("abABx1_ "), min_size=1, max_size=6), min_size=1, max_size=3), st.booleans()
)
@example("aB1 ab1", ["ab"], True)
@example("abABab " * 40, ["ab A"], False)
@example("a" * 70 + "b", ["b"], False)
@example("a" * 500, ["aaaa"], False)
@example("ab aB " * 100, ["a"], False)
@example("b" * 70 + "a" * 900 + " a", ["a"], True)
def test_looking_only_where_it_may_be_finds_the_same(text, words, quoted):
    asked = " ".join(words)
    try:
        query = Query(f'"{asked}"' if quoted else asked)
    except Invalid:
        return
    assert query.places(text) == everywhere(query, text)
    assert query.places(text + " é") == everywhere(query, text + " é")


ALPHABETS = ["a ", "ab ", "aA ", "aAbB _", "aA1", "日本 ", "日a A", "が日ｶﾞ aB", "aá A", "🎉a A"]


@pytest.mark.parametrize("seed", range(10))
def test_phrases_that_overlap_themselves_are_found_where_they_are(seed):
    """Compared with trying everywhere: few letters, many repetitions, several terms of all kinds, texts of every length."""
    rng = random.Random(seed)
    some = lambda letters, longest: "".join(rng.choices(letters, k=rng.randint(1, longest)))  # noqa: E731
    for _ in range(200):
        letters = rng.choice(ALPHABETS)
        inner = some(letters, 6)
        text = "".join(rng.choice((inner, inner, some(letters, 4))) for _ in range(rng.randint(1, 12)))
        pieces = [
            rng.choice((some(letters, 8), inner, inner * rng.randint(1, 4), text)) for _ in range(rng.randint(1, 3))
        ]
        asked = " ".join(rng.choice(('"{}"', '"{}"*', "{}", "{}*")).format(piece) for piece in pieces)
        text += rng.choice(("", " ", " x" * rng.randint(1, 70), "x" * rng.randint(1, 70))) + rng.choice(pieces)
        try:
            query = Query(asked)
        except Invalid:
            continue
        assert query.places(text) == everywhere(query, text), (seed, asked, text)


@pytest.mark.req("SEC-INP-06")
@pytest.mark.parametrize("text", ["a" * 4000, "b" * 70 + "a" * 4000, "aB" * 2000, ("aA" * 31 + " ") * 60, "a " * 2000])
@pytest.mark.parametrize(
    "asked",
    ["a", "aa", '"a aa"', "aaaaaaaa*", f'"{"a " * 499}"', f'"{"aA " * 300}*', " ".join("a" * n for n in range(1, 32))],
)
def test_no_text_is_looked_at_again_and_again(text, asked):
    """Counted in calls: few for each character, however often what is looked for may begin."""
    query, calls, before = Query(asked), 0, sys.getprofile()

    def called(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(called)
    try:
        query.places(text)
    finally:
        sys.setprofile(before)
    assert calls < 25 * len(text)


@pytest.mark.req("SEC-INP-06")
@pytest.mark.parametrize("long", ["a", "é", "か\ufe0f"])
def test_nothing_is_kept_of_words_as_long_as_a_message(long):
    texts = ["x " + long[0] + long[-1] * (20_000 + number) for number in range(11)]
    tracemalloc.start()
    try:
        for text in texts:
            assert terms_of(text)
            assert Query(f"{long} word").places(text) == []
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
