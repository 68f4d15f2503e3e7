"""The kit of formats catches every liar, and no test of it catches nobody. Covers PL-04."""

from pathlib import Path

import pytest

from holdall.testing import FormatTests
from holdall.testing.kinds import one
from tests.liars import telling

ASKED = [name for name in dir(FormatTests) if name.startswith("test_")]
LIES = [(offer.name, test) for offer, caught_by in telling.FORMATS for test in caught_by]
HONEST = [(offer.name, test) for offer, caught_by in telling.FORMATS if not caught_by for test in ASKED]


def play(name, test, folder):
    found = one("format", name, Path(telling.__file__))
    (folder / "samples").mkdir()
    fixtures = {"tested": found, "samples": list(found.offer.samples(folder / "samples")), "tmp_path": folder}
    call = getattr(FormatTests(), test)
    code = call.__code__
    call(**{asked: fixtures[asked] for asked in code.co_varnames[1 : code.co_argcount]})


@pytest.mark.parametrize(("name", "test"), LIES)
def test_caught(name, test, tmp_path):
    with pytest.raises((Exception, pytest.fail.Exception)):
        play(name, test, tmp_path)


@pytest.mark.parametrize(("name", "test"), HONEST)
def test_honest(name, test, tmp_path):
    play(name, test, tmp_path)


def test_every_test_catches_somebody():
    assert set(ASKED) == {test for _, test in LIES}
