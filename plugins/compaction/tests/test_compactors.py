"""What the compactors keep and give up of conversations such as people have."""

from __future__ import annotations

import pytest

from holdall.sessions.compaction.choosing import applied
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import regrouped, tokens_of
from holdall.testing.conversations import Words, entries_of, message, said
from holdall_compaction.elision import Elision, ElisionSettings
from holdall_compaction.summary import Summary, SummarySettings
from holdall_compaction.window import Window


def call(*names):
    parts = [{"type": "tool_call", "id": name, "name": "run", "arguments": {}} for name in names]
    return {"role": "assistant", "content": parts}


def result(name, text="out " * 40, role="tool"):
    return {"role": role, "content": [{"type": "tool_result", "id": name, "content": text}]}


def entries(*turns, summary=None):
    return entries_of([message(at, turn) for at, turn in enumerate(turns)], summary)


def kept(given, choice):
    return applied(given, choice, Counter(Words()))


def words(left):
    return [each.message.text.split()[0] if each.message.text else each.message.role for each in left]


@pytest.mark.covers("CV-13")
def test_the_window_keeps_the_newest_that_fit():
    given = entries(said("system", "rules"), *(said("user", f"m{n} x x x x x") for n in range(10)))
    assert words(kept(given, Window(None).compact(given, 45))) == ["rules", "m6", "m7", "m8", "m9"]


@pytest.mark.covers("CV-13")
def test_the_window_keeps_what_the_user_said_last_and_a_summary():
    turns = [said("user", "old"), said("user", "task")]
    turns += [each for n in range(8) for each in (call(f"c{n}"), result(f"c{n}", "out " * 10))]
    given = entries(*turns, summary="before " * 5)
    left = kept(given, Window(None).compact(given, 80))
    assert words(left[:2]) == ["before", "task"]
    assert [each.message.role for each in left[2:]] == ["assistant", "tool"] * 3
    assert tokens_of(left) <= 80


@pytest.mark.covers("CV-13")
def test_the_window_takes_calls_and_results_as_one_though_others_lie_between():
    turns = [said("user", "first"), call("a", "b"), said("user", "between " * 5), result("b", "B"), result("a", "A")]
    given = entries(*turns, said("assistant", "done"))
    assert words(kept(given, Window(None).compact(given, 24))) == ["between", "done"]
    assert words(kept(given, Window(None).compact(given, 31))) == ["between", "done"]
    assert words(kept(given, Window(None).compact(given, 32))) == ["assistant", "between", "tool", "tool", "done"]


@pytest.mark.covers("CV-13")
def test_a_budget_that_cannot_be_met_leaves_the_newest():
    given = entries(said("system", "rules " * 50), said("user", "old"), call("a"), result("a", "out " * 90))
    left = kept(given, Window(None).compact(given, 10))
    assert [each.message.role for each in left] == ["system", "assistant", "tool"]
    assert tokens_of(left) > 10


@pytest.mark.covers("CV-13")
def test_elision_replaces_the_oldest_output_by_its_size():
    turns = [said("user", "go")]
    turns += [each for n in range(6) for each in (call(f"c{n}"), result(f"c{n}"))]
    given = entries(*turns, call("s"), result("s", "short"))
    whole = tokens_of(given)
    left = kept(given, Elision(ElisionSettings(keep=2, least=10)).compact(given, whole - 50))
    assert [bool(each.elided) for each in left if each.message.role == "tool"] == [True, True, *[False] * 5]
    part = left[2].message.content[0]
    assert part == {"type": "tool_result", "id": "c0", "content": "[tool output left out: 40 tokens]"}
    assert whole - 50 >= tokens_of(left) == sum(each.tokens for each in left)
    left = kept(given, Elision(ElisionSettings(keep=2, least=10)).compact(given, 1))
    assert [bool(each.elided) for each in left if each.message.role == "tool"] == [True] * 4 + [False] * 3


@pytest.mark.covers("CV-13")
def test_elision_knows_tool_messages_of_openai_and_pictures():
    openai = {"role": "assistant", "content": "", "tool_calls": [{"id": "x", "function": {"name": "run"}}]}
    picture = [{"type": "text", "text": "see"}, {"type": "image", "data": "AAAA" * 1000}]
    given = entries(
        openai, {"role": "tool", "tool_call_id": "x", "content": "out " * 60}, call("y"), result("y", picture)
    )
    assert given[3].tokens > 1000, "a picture counts for what it costs, not for its letters"
    left = kept(given, Elision(ElisionSettings(keep=0)).compact(given, 1))
    assert left[1].message.content == "[tool output left out: 60 tokens]"
    assert left[1].message["tool_call_id"] == "x"
    assert "left out: 1,001 tokens" in left[3].message.content[0]["content"]
    assert kept(left, Elision(ElisionSettings(keep=0)).compact(left, 1)) == left


@pytest.mark.covers("CV-13", "CV-10")
def test_a_summary_replaces_all_but_the_newest_and_leaves_room():
    given = entries(
        said("system", "rules"), *(said("user", f"m{n} " + "x " * 15) for n in range(20)), summary="s " * 20
    )
    summary = Summary(SummarySettings())
    choice = summary.compact(given, 205)
    assert (words(kept(given, choice)), choice.room) == (["rules", "m15", "m16", "m17", "m18", "m19"], 30)
    assert 0 in choice.summarise, "the summary before is summarised, too"
    alone = entries(said("system", "rules " * 150), said("user", "m"), summary="s " * 50)
    assert not summary.compact(alone, 205).summarise - {0}
    assert not summary.compact(regrouped(alone[:1]), 10).summarise, "a summary is not made of itself"
