"""The kit of search indexes catches every liar, and no test of it catches nobody.

Covers PL-04.
"""

from inspect import signature
from pathlib import Path

import pytest

from holdall.testing import SearchIndexTests
from holdall.testing.kinds import one
from tests.liars import indexes

FILE = Path(indexes.__file__)
TESTS = [name for name in dir(SearchIndexTests) if name.startswith("test_")]
LIARS = [offer.name for offer in indexes.INDEXES if getattr(indexes, offer.name).caught_by]


def play(name, test, tmp_path):
    found = one("search index", name, FILE)
    call = getattr(SearchIndexTests(), test)
    fixtures = {"tested": found, "options": found.offer.sandbox(tmp_path), "tmp_path": tmp_path}
    call(**{name: fixtures[name] for name in signature(call).parameters})


@pytest.mark.parametrize("name", LIARS)
def test_caught(name, tmp_path):
    with pytest.raises((Exception, pytest.fail.Exception)):
        play(name, getattr(indexes, name).caught_by, tmp_path)


@pytest.mark.parametrize("test", TESTS)
def test_honest(test, tmp_path):
    play("Honest", test, tmp_path)


def test_every_test_catches_somebody():
    assert {getattr(indexes, name).caught_by for name in LIARS} == set(TESTS)
