"""What a filter says of a term is true where it says no."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall_fts.filters import filter_of, may_have

pytestmark = pytest.mark.covers("CV-06")


@given(st.lists(st.text(), max_size=50))
def test_no_term_is_denied(terms: list[str]) -> None:
    found = filter_of(terms, len(terms))
    assert all(may_have(found, term) for term in terms)


def test_most_others_are() -> None:
    terms = [f"term{number}" for number in range(10_000)]
    found = filter_of(terms, len(terms))
    rng = random.Random(20261127)
    others = [f"{rng.getrandbits(40):010x}" for _ in range(10_000)]
    assert sum(may_have(found, term) for term in others) < 1000
    assert len(found) == 10_000
