"""The linearizability checker: it finds every bug that is put into a history, and none in a good one.

Covers QA-04.
"""

import json
from argparse import Namespace
from random import Random

import pytest

from holdall.testing.crash import controls
from holdall.testing.linear import command
from holdall.testing.linear.bugs import BUGS, with_bug
from holdall.testing.linear.checker import explained, linearizable
from holdall.testing.linear.history import Call, Result, by_key, from_lines
from holdall.testing.linear.imagined import imagined
from holdall.testing.linear.run import Control, Plan, control, run
from holdall.testing.opening import Subject

OPENED = Call("k", "open", 0, ended=1, result=Result(session="s", version=10, new=True))


def append(text, begun, ended, version, count):
    result = None if ended is None else Result(version=version, count=count)
    return Call("k", "append", begun, "s", text, ended=ended, result=result)


def page(begun, ended, version, *texts):
    return Call("k", "page", begun, "s", ended=ended, result=Result(version=version, texts=texts))


def update(expect, begun, ended, result):
    return Call("k", "update", begun, "s", note=1, expect=expect, ended=ended, result=result)


def delete(begun, ended):
    return Call("k", "delete", begun, "s", ended=ended, result=None if ended is None else Result())


@pytest.mark.parametrize("number", range(50))
def test_fifty_good_histories_raise_no_alarm(number):
    history = imagined(f"good/{number}")
    assert len(history) > 290
    assert explained(history) == ""


@pytest.mark.parametrize("kind", BUGS)
def test_every_bug_is_found(kind):
    """Five of each of ten kinds: fifty of fifty."""
    found, number = 0, 0
    while found < 5:
        number += 1
        history = with_bug(kind, imagined(f"bad/{number}"), Random(number))
        if history is not None:
            assert not linearizable(history), f"{kind} in the history of seed bad/{number}"
            found += 1


GOOD = {
    "one after the other": [append("a", 2, 3, 11, 0), page(4, 5, 11, "a")],
    "a read beside a write shows what was": [append("a", 2, 9, 11, 0), page(3, 4, 10)],
    "a read beside a write shows what will be": [append("a", 2, 9, 11, 0), page(3, 4, 11, "a")],
    "nobody heard, and it happened": [append("a", 2, None, 0, 0), page(50, 51, 11, "a")],
    "nobody heard, and it did not": [append("a", 2, None, 0, 0), page(50, 51, 10)],
    "nobody heard of a delete": [
        delete(2, None),
        page(5, 6, 10),
        Call("k", "get", 7, "s", ended=8, result=Result("gone")),
    ],
    "one of two updates": [update(10, 2, 9, Result(version=11)), update(10, 3, 8, Result("conflict"))],
}
BAD = {
    "a read of what is no more": [append("a", 2, 3, 11, 0), page(4, 5, 10)],
    "it went and came back": [append("a", 2, None, 0, 0), page(5, 6, 11, "a"), page(7, 8, 10)],
    "two updates of one version": [update(10, 2, 9, Result(version=11)), update(10, 3, 8, Result(version=11))],
    "a conflict with nobody": [update(10, 2, 3, Result("conflict"))],
    "gone though nobody deleted it": [Call("k", "get", 2, "s", ended=3, result=Result("gone"))],
    "a read after the delete": [delete(2, 3), page(4, 5, 10)],
    "twice": [append("a", 2, None, 0, 0), page(5, 6, 12, "a", "a")],
}


@pytest.mark.parametrize("what", GOOD)
def test_what_may_be(what):
    assert explained([OPENED, *GOOD[what]]) == ""


@pytest.mark.parametrize("what", BAD)
def test_what_may_not_be(what):
    assert "none of these can be next" in explained([OPENED, *BAD[what]])


def test_an_open_that_nobody_heard_of_is_found_by_the_next():
    unheard = Call("k", "open", 0)
    found = Call("k", "open", 5, ended=6, result=Result(session="x", version=7))
    again = Call("k", "open", 8, ended=9, result=Result(session="y", version=7))
    assert linearizable([unheard, found])
    assert not linearizable([unheard, found, again])


def test_lines_become_calls():
    lines = [
        'begin a/0 {"key": "k", "verb": "open", "begun": 1}',
        'begin b/0 {"key": "k", "verb": "get", "begun": 2, "session": "s"}',
        'end a/0 {"ended": 3, "result": {"kind": "ok", "session": "s", "version": 9, "new": true, "texts": []}}',
        'begin a/1 {"key": "l", "verb": "append", "begun": 4, "session": "s", "text": "t"}',
    ]
    calls = by_key(from_lines(lines))
    assert calls["k"] == [Call("k", "open", 1, ended=3, result=Result(session="s", version=9, new=True))]
    assert calls["l"][0].ended is None


@pytest.mark.crash
def test_a_storage_is_raced_and_killed(tmp_path):
    raced = run(Subject("control-append", controls.__file__), Plan(2, "7", tmp_path), lambda _: None)
    assert (raced.histories, raced.violations) == (2, 0), raced.details
    assert raced.shortest >= 300
    assert raced.unheard > 0


@pytest.mark.crash
def test_a_storage_that_forgets_what_it_acknowledged_is_found_out(tmp_path):
    raced = run(Subject("control-buffered", controls.__file__), Plan(2, "7", tmp_path), lambda _: None)
    assert raced.violations > 0


def test_a_checker_that_misses_a_bug_is_a_failure_of_the_tool(monkeypatch, capsys):
    assert control("7").right
    monkeypatch.setattr(command, "control", lambda _: Control(bugs=50, found=49, good=5, alarms=0))
    monkeypatch.setattr(command, "run", lambda *_: pytest.fail("nothing is proved by going on"))
    asked = Namespace(name="control-append", plugin_file=controls.__file__, histories=1, seed="7", dir=None, json=True)
    assert command.linear(asked) == 3
    assert json.loads(capsys.readouterr().out)["linear"] is None
