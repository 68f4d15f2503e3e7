"""The kit catches every liar by the test that is meant for it, and no test is there that catches nobody."""

from inspect import signature
from pathlib import Path

import pytest

from holdall.plugins import Plugins
from holdall.testing import StorageTests
from holdall.testing.bench import Bench
from holdall.testing.cases import durability, machine
from holdall.testing.opening import Subject

FILE = Path(__file__).with_name("plugin.py")
TESTS = sorted(name for name in dir(StorageTests) if name.startswith("test_"))


def offered():
    plugins = Plugins()
    plugins.load_file(FILE)
    return {offer.name: offer for offer in plugins.offers()}


OFFERS = offered()
HONEST = [name for name, offer in OFFERS.items() if offer.open.caught_by == ("test_honest",)]
SHORTENS = machine.SHORT
LIES = [(name, test) for name, offer in OFFERS.items() if name not in HONEST for test in offer.open.caught_by]


class Suite(StorageTests):
    """The kit, to be called test by test."""


def outcome(name, test, folder):
    subject = Subject(name, str(FILE))
    call = getattr(Suite(), test)
    told = {"record_property": lambda *_: None} if "record_property" in signature(call).parameters else {}
    try:
        call(Bench(subject, OFFERS[name].sandbox(folder)), **told)
    except pytest.skip.Exception:
        return "skipped"
    except (Exception, BaseExceptionGroup, pytest.fail.Exception) as error:  # noqa: BLE001 - however it fails
        return f"failed: {error!r}"
    return "passed"


@pytest.fixture(autouse=True)
def found_is_enough(monkeypatch):
    """Here it matters that a lie is found, not how shortly it can be told."""
    monkeypatch.setattr(machine, "SHORT", machine.LONG)


@pytest.mark.parametrize(("name", "test"), LIES)
def test_caught(name, test, tmp_path, monkeypatch):
    monkeypatch.setattr(durability, "KILLS", 8)
    assert outcome(name, test, tmp_path).startswith("failed")


def test_a_lie_is_told_by_steps_that_fail_alone(tmp_path, monkeypatch):
    """Nothing that an example left behind is found by another, which would then be told of, and not fail again."""
    monkeypatch.setattr(machine, "SHORT", SHORTENS)
    assert outcome("LastWriterWins", "test_any_steps", tmp_path) == "failed: DID NOT RAISE Conflict"


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("name", HONEST)
def test_honest(name, test, tmp_path):
    assert outcome(name, test, tmp_path) in ("passed", "skipped")


def test_every_test_catches_somebody():
    assert set(TESTS) - {test for _, test in LIES} == set()


def test_enough_liars():
    assert len(OFFERS) - len(HONEST) >= 12
