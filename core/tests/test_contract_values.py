"""The arithmetic that every backend shares: spans, heads and commits."""

from __future__ import annotations

import pickle
import subprocess
import sys
from copy import copy, deepcopy
from dataclasses import MISSING, FrozenInstanceError, asdict, fields, is_dataclass, make_dataclass, replace
from inspect import signature

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.contract import Abilities, BlockingSessionStorage, Commit, Durability, Head, Lane, Scan, Snapshot, Span
from holdall.errors import Conflict
from holdall.hooks import StorageOffer

lanes = st.builds(
    lambda first, size, rewritten: Lane(first, first + size, rewritten),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 5),
)
names = st.text(max_size=6)
heads = st.builds(
    Head, names, st.integers(1, 2**60), st.integers(1, 2**60), st.none() | st.integers(0, 2**60),
    st.dictionaries(names, lanes, max_size=4), st.dictionaries(names, st.integers(-(2**62), 2**62), max_size=4),
)  # fmt: skip


@given(heads)
def test_values_are_copied_pickled_replaced_and_compared_as_what_they_are(head):
    commit = Commit(head.partition, 1, 2, 2, head.lanes, head.marks, 5, {("a", 0): b"x"}, [Span("a", 0, 1)])
    for value in (head, commit, Lane(1, 2, 3)):
        for other in (copy(value), deepcopy(value), pickle.loads(pickle.dumps(value)), replace(value)):
            assert other == value
            assert repr(other) == repr(value)
    assert replace(head, version=7).version == 7
    assert replace(head, version=7).lanes == head.lanes
    assert replace(commit, write={}) != commit
    assert hash(Lane(1, 2, 3)) == hash(Lane(first=1, stop=2, rewritten=3))


@pytest.mark.parametrize(
    "value",
    [
        Lane(1, 2, 3),
        Span("a", -5),
        Head("p", 1, 2, None, {"a": Lane()}, {"m": 1}),
        Commit("p", 1, 2, 2, {"a": None}, write={("a", 0): b"x"}),
        Snapshot(Head("p", 1, 1), {("a", 0): b"x"}),
        Scan("recent", (5, "p"), 7, descending=True, spans=(Span("a"),)),
        Abilities(Durability.POWER, shared=True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_a_frozen_dataclass_in_everything_but_how_it_was_made(value):
    kind = type(value)
    names = [field.name for field in fields(value)]
    twin = make_dataclass(kind.__name__, names, frozen=True, slots=True)
    same = twin(*[getattr(value, name) for name in names])
    assert is_dataclass(kind)
    assert repr(value) == repr(same)
    assert asdict(value) == asdict(same)
    assert kind.__match_args__ == twin.__match_args__ == tuple(names)
    assert value != same
    assert not hasattr(value, "__dict__")
    assert value.__replace__() == replace(value) == value
    try:
        expected = hash(same)
    except TypeError:
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)
    else:
        assert hash(value) == expected


def test_the_description_of_a_value_has_its_defaults_and_types():
    assert [(field.name, field.type, field.default) for field in fields(Span)] == [
        ("lane", "str", MISSING),
        ("start", "int", 0),
        ("stop", "int | None", None),
    ]
    assert fields(Snapshot)[1].default_factory() == {}
    assert str(signature(Span)) == "(lane: 'str', start: 'int' = 0, stop: 'int | None' = None) -> None"
    assert list(signature(StorageOffer).parameters)[-2:] == ["configured", "contract"]


def test_a_value_is_matched_by_position_and_by_name():
    match Snapshot(Head("p", 7, 7)):
        case Snapshot(Head(partition, version=version), records):
            assert (partition, version, records) == ("p", 7, {})
        case _:
            pytest.fail("no match")


def test_a_subclass_has_the_fields_before_its_own():
    class Wide(Lane):
        colour: str = "blue"

    wide = Wide(1, 2, 3, "red")
    assert repr(wide).endswith("Wide(first=1, stop=2, rewritten=3, colour='red')")
    assert replace(wide, colour="blue").colour == "blue"
    assert wide != Lane(1, 2, 3)


def test_the_contract_is_imported_without_compiling_classes():
    asks = "import sys; import holdall.contract; sys.exit('dataclasses' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asks]).returncode == 0


@given(heads, lanes)
def test_a_commit_makes_the_same_of_a_head_however_often_it_is_asked(head, lane):
    commit = Commit(head.partition, head.version, head.version + 1, head.version + 1, {"a": lane}, {"m": 7})
    made = commit.onto(head)
    assert (made.version, made.lanes["a"], made.marks["m"]) == (head.version + 1, lane, 7)
    other = replace(head, marks={**head.marks, "n": 8})
    assert commit.onto(other).marks == {**made.marks, "n": 8}
    for again in (commit, copy(commit), pickle.loads(pickle.dumps(commit)), replace(commit)):
        assert again.onto(head) == again.onto(head) == made
    with pytest.raises(Conflict):
        commit.onto(replace(head, version=head.version + 1))
    with pytest.raises(Conflict):
        commit.onto(None)


def test_a_mapping_that_is_not_given_is_empty_and_nobody_elses():
    one, two = Head("p", 1, 1), Head("p", 1, 1)
    assert (one.lanes, one.marks, one.expires_at) == ({}, {}, None)
    assert one.lanes is not two.lanes
    commit = Commit("p", 0, 1, 1)
    assert (commit.lanes, commit.marks, commit.write, commit.erase) == ({}, {}, {}, ())
    assert commit.write is not Commit("p", 0, 1, 1).write


@pytest.mark.parametrize(
    ("value", "name"), [(Lane(), "stop"), (Head("p", 1, 1), "version"), (Commit("p", 0, 1, 1), "version")]
)
def test_a_value_cannot_be_changed(value, name):
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 2)
    with pytest.raises(FrozenInstanceError):
        delattr(value, name)


@given(lanes, st.integers(-30, 50), st.none() | st.integers(-5, 50))
def test_a_span_names_positions_that_the_lane_has(lane, start, stop):
    whole = list(range(lane.first, lane.stop))
    absolute = start if start >= 0 else lane.stop + start
    wanted = [at for at in whole if at >= absolute and (stop is None or at < stop)]
    assert list(Span("x", start, stop).within(lane)) == wanted


@given(heads)
def test_a_head_survives_as_text(head):
    assert Head.from_json(head.to_json()) == head
    assert Head.from_json(head.to_json().encode()) == head


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"partition":"p"}'])
def test_what_is_no_head_is_refused(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Head.from_json(text)


@given(
    heads,
    st.dictionaries(names, st.none() | lanes, max_size=4),
    st.dictionaries(names, st.none() | st.integers(0, 9), max_size=4),
)
def test_a_commit_changes_what_it_names_and_nothing_else(head, moved, marked):
    commit = Commit(head.partition, head.version, head.version + 1, head.changed, moved, marked, 5)
    after = commit.onto(head)
    assert (after.partition, after.version, after.changed, after.expires_at) == (
        head.partition,
        head.version + 1,
        head.changed,
        5,
    )
    for old, changes, new in ((head.lanes, moved, after.lanes), (head.marks, marked, after.marks)):
        assert set(new) == (set(old) - {name for name, value in changes.items() if value is None}) | {
            name for name, value in changes.items() if value is not None
        }
        assert all(new[name] == changes.get(name, old.get(name)) for name in new)
    assert head == Head.from_json(head.to_json())


@given(heads, st.integers(0, 5))
def test_a_commit_is_refused_by_every_other_version(head, expect):
    commit = Commit(head.partition, expect, 10**18, 1)
    for found in (head, None):
        version = 0 if found is None else found.version
        if version == expect:
            assert commit.onto(found).version == 10**18
        else:
            with pytest.raises(Conflict) as caught:
                commit.onto(found)
            assert (caught.value.expected, caught.value.found) == (expect, version)


def test_what_a_commit_erases():
    commit = Commit("p", 0, 1, 1, erase=[Span("a", 1, 3), Span("b", 5), Span("c", 2, 2)])
    assert list(commit.erased()) == [("a", 1), ("a", 2)]


def test_addresses_are_those_of_lanes_that_are_there():
    head = Head("p", 1, 1, lanes={"a": Lane(2, 4), "b": Lane(0, 0)})
    assert list(head.addresses([Span("a"), Span("b"), Span("c"), Span("a", -1)])) == [("a", 2), ("a", 3), ("a", 3)]


def test_durability_is_ordered_and_has_words():
    assert Durability.NONE < Durability.PROCESS < Durability.POWER
    assert [value.label for value in Durability] == ["none", "process", "power"]


def test_a_batch_is_done_in_order_and_stops_at_an_error():
    done = []

    class Plain(BlockingSessionStorage):
        load = drop = scan = None

        def commit(self, commit):
            if commit.partition == "conflict":
                raise Conflict("conflict", expected=0, found=1)
            if commit.partition == "error":
                raise OSError("cut")
            done.append(commit.partition)

    plain = Plain()
    many = [Commit(name, 0, 1, 1) for name in ("a", "conflict", "b")]
    assert [type(outcome) for outcome in plain.commit_many(many)] == [type(None), Conflict, type(None)]
    assert done == ["a", "b"]
    with pytest.raises(OSError, match="cut"):
        plain.commit_many([Commit("error", 0, 1, 1)])


@settings(max_examples=100)
@given(st.lists(st.dictionaries(st.integers(0, 120), st.none() | st.integers(0, 9), max_size=40), max_size=8))
def test_a_head_of_very_many_lanes_is_as_one_of_few(changes):
    """However commits follow each other, the lanes are what a dictionary would have."""
    head = Head("p", 1, 1, None, {f"l{n}": Lane(n, n + 1) for n in range(100)}, {})
    wanted = dict(head.lanes)
    for version, changed in enumerate(changes, 1):
        moved = {f"l{n}": None if to is None else Lane(to, to + 1) for n, to in changed.items()}
        moved = {name: lane for name, lane in moved.items() if lane is not None or name in wanted}
        before, held = dict(wanted), head.lanes
        head = Commit("p", version, version + 1, version + 1, lanes=moved).onto(head)
        wanted = {name: lane for name, lane in {**wanted, **moved}.items() if lane is not None}
        assert dict(held) == before, "what others hold does not change"
        assert head.lanes == wanted
        assert (dict(head.lanes), len(head.lanes)) == (wanted, len(wanted))
        for name in (*wanted, *before, "nobody"):
            assert head.lanes.get(name) == wanted.get(name)
            assert (name in head.lanes) == (name in wanted)
        assert Head.from_json(head.to_json()) == head
