"""Conversations that branch, imported again as they grow: every message once, on its path, whatever came between."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.trees import TALK, all_paths, bring, narrow, node, original, shown, talk, write

import holdall
from holdall.errors import Conflict
from holdall.sessions.names import MAIN
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import Place, StoreTarget

pytestmark = pytest.mark.covers("CV-08", "CV-16")


@pytest.fixture
async def memory() -> AsyncIterator[Store]:
    async with narrow() as opened:
        yield opened


async def test_the_current_path_is_main_and_the_others_are_branches(store: Store, tmp_path: Path) -> None:
    (done,) = (await bring(store, tmp_path / "c.json", TALK)).sessions
    assert (done.format, done.branches, dict(done.added)) == ("chatgpt", 1, {"messages": 5, "tools": 0, "originals": 7})
    assert await shown(store, done.session, MAIN) == ["question", "second answer", "on the second"]
    assert await all_paths(store, done.session) == [
        ["question", "first answer", "on the first"],
        ["question", "second answer", "on the second"],
    ]
    session = await store.get(done.session)
    assert (session.title, session.metadata) == ("A talk", {"app": "chatgpt"})
    first = (await store.history(done.session)).items[0]
    assert (first.created_at, first["metadata"]) == (1_772_359_200_250, {"model_slug": "model-x", "node": "q"})
    assert json.loads((await store.originals(done.session)).items[first["original"]])["value"] == TALK["mapping"]["q"]
    assert await original(store, done.session) == TALK


async def test_a_tree_that_has_grown_adds_what_is_new_where_it_belongs(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    (first,) = (await bring(store, path, TALK)).sessions
    grown = copy.deepcopy(TALK)
    for new in (
        node("a3", "a2", said="longer", role="assistant"),  # a branch goes on
        node("b3", "b2", said="longer, too", role="assistant"),  # and so does main
        node("c", "q", "c2", said="third answer", role="assistant"),  # a choice that had two has three
        node("c2", "c", said="on the third"),
        node("d", "b", said="aside"),  # main forks where it did not
        node("q2", "root", said="another question"),  # and another conversation begins
    ):
        grown["mapping"][new["id"]] = new
        grown["mapping"][new["parent"]]["children"].append(new["id"])
    grown["current_node"] = "c2"
    report = await bring(store, path, grown)
    (second,) = report.sessions
    assert (second.session, second.new, report.faults) == (first.session, False, [])
    assert (second.added["messages"], second.branches) == (6, 3)
    assert await all_paths(store, first.session) == sorted([
        ["question", "first answer", "on the first", "longer"],
        ["question", "second answer", "on the second", "longer, too"],
        ["question", "second answer", "aside"],
        ["question", "third answer", "on the third"],
        ["another question"],
    ])  # fmt: skip
    assert await shown(store, first.session) == ["question", "third answer", "on the third"], "what the source shows"
    assert await original(store, first.session) == grown
    (again,) = (await bring(store, path, grown)).sessions
    assert (sum(again.added.values()), again.branches) == (0, 0)
    assert again.present == again.records


async def test_what_was_added_here_stays_and_the_source_goes_on_beside_it(memory: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    (done,) = (await bring(memory, path, TALK)).sessions
    await memory.append(done.session, [{"role": "user", "content": "said here"}])
    grown = copy.deepcopy(TALK)
    grown["mapping"]["b2"]["children"].append("b3")
    grown["mapping"]["b3"] = node("b3", "b2", said="said there")
    await bring(memory, path, grown)
    base = ["question", "second answer", "on the second"]
    assert await all_paths(memory, done.session) == sorted([
        [*base, "said here"], [*base, "said there"], ["question", "first answer", "on the first"],
    ])  # fmt: skip


async def test_what_follows_a_message_of_a_deleted_branch_is_a_branch_of_its_own(memory: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    (done,) = (await bring(memory, path, TALK)).sessions
    name = (await memory.branches(done.session)).items[1].name
    await memory.delete_branch(done.session, name)
    assert sum((await bring(memory, path, TALK)).sessions[0].added.values()) == 0
    grown = copy.deepcopy(TALK)
    grown["mapping"]["a2"]["children"].append("a3")
    grown["mapping"]["a3"] = node("a3", "a2", said="longer")
    grown["current_node"] = "a3"
    (again,) = (await bring(memory, path, grown)).sessions
    assert (again.added["messages"], again.branches) == (1, 1)
    assert await shown(memory, done.session) == ["question", "first answer", "on the first", "longer"]
    assert name not in [branch.name for branch in (await memory.branches(done.session)).items]


async def test_a_source_that_shows_a_message_in_the_middle_is_shown_as_far_as_that(
    memory: Store, tmp_path: Path
) -> None:
    (done,) = (await bring(memory, tmp_path / "c.json", {**TALK, "current_node": "b"})).sessions
    assert await shown(memory, done.session) == ["question", "second answer"]
    assert await shown(memory, done.session, MAIN) == ["question", "second answer", "on the second"]


async def test_nodes_that_are_no_message_are_passed_by_and_named_if_they_should_be_one(
    memory: Store, tmp_path: Path
) -> None:
    odd = talk(
        "x",
        node("q", "gone", "n", said="question"),  # its parent is not in the file
        node("n", "q", "x"),
        {"id": "e", "message": {"author": {"role": "elf"}}, "parent": "n", "children": []},
        node("x", "e", said="answer", role="assistant"),
        node("c1", "c2", "c2", said="chases"),
        node("c2", "c1", "c1", said="is chased"),
    )
    odd["mapping"]["t"] = "a text"
    report = await bring(memory, tmp_path / "c.json", odd)
    (done,) = report.sessions
    assert await all_paths(memory, done.session) == [["question", "answer"]]
    assert sorted(fault.reason for fault in report.faults) == [
        "c1: follows itself, so it is on no path",
        "c2: follows itself, so it is on no path",
        "e: is a message of 'elf', who is nobody known",
        "t: is a node without a message that can be read",
    ]
    assert await original(memory, done.session) == odd, "what is no message is kept"


async def test_a_message_that_is_refused_is_named_and_what_follows_it_is_kept(tmp_path: Path) -> None:
    policy = {"sweep_every": 0, "max_message_bytes": 2000}
    async with holdall.open({"storage": {"use": "memory"}, "sessions": policy}) as store:
        large = copy.deepcopy(TALK)
        large["mapping"]["b"]["message"]["metadata"]["long"] = "long " * 1000
        for times in range(2):
            report = await bring(store, tmp_path / "c.json", large)
            assert all(fault.reason.startswith("b: ") for fault in report.faults)
            assert any("makes no message" in fault.reason for fault in report.faults) is (times == 0)
            assert report.sessions[0].added["messages"] == (0 if times else 4)
        assert await all_paths(store, report.sessions[0].session) == [
            ["question", "first answer", "on the first"], ["question", "on the second"],
        ]  # fmt: skip


async def test_more_branches_than_a_session_may_have_stop_the_file(memory: Store, tmp_path: Path) -> None:
    many = talk("m0", *(node(f"m{n}", None, said=f"{n}") for n in range(30)))
    report = await bring(memory, tmp_path / "c.json", many)
    assert report.error is not None
    assert "branches" in report.error


class Interrupted(StoreTarget):
    """A store that is gone after so many steps."""

    left = 0

    async def append(self, place: Place, *rest: Any) -> Place:
        self._step()
        return await super().append(place, *rest)

    async def fork(self, place: Place, name: str, **where: Any) -> Place:
        self._step()
        return await super().fork(place, name, **where)

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("steps", range(6))
async def test_an_import_that_was_killed_is_simply_run_again(memory: Store, tmp_path: Path, steps: int) -> None:
    wide = copy.deepcopy(TALK)
    wide["mapping"]["q"]["children"].append("c")
    wide["mapping"]["c"] = node("c", "q", said="third answer")
    target = Interrupted(memory)
    target.left = steps
    try:
        await bring(memory, tmp_path / "c.json", wide, target=target)
    except KeyboardInterrupt:
        assert steps < 5
    (done,) = (await bring(memory, tmp_path / "c.json", wide)).sessions
    assert len(await all_paths(memory, done.session)) == 3
    assert await original(memory, done.session) == wide


class Crossed(StoreTarget):
    """A store that somebody else writes to before each of the first steps."""

    times = 2

    async def fork(self, place: Place, name: str, **where: Any) -> Place:
        if self.times:
            self.times -= 1
            await self._store.append(place.session, [{"role": "user", "content": "between"}])
            with pytest.raises(Conflict):
                await super().fork(place, name, **where)
            raise Conflict(place.session, expected=0, found=1)
        return await super().fork(place, name, **where)


async def test_who_writes_meanwhile_only_makes_it_begin_again(memory: Store, tmp_path: Path) -> None:
    (done,) = (await bring(memory, tmp_path / "c.json", TALK, target=Crossed(memory))).sessions
    assert await all_paths(memory, done.session) == [
        ["question", "first answer", "on the first"],
        ["question", "second answer", "on the second", "between", "between"],
    ]


async def test_what_json_can_say_and_a_store_cannot_keeps_its_place(memory: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    odd = copy.deepcopy(TALK)
    odd["mapping"]["a"]["message"]["metadata"]["n"] = "INFINITE"
    odd["mapping"]["b"]["message"]["content"]["parts"] = ["half \ud83d"]
    path.write_text(json.dumps([odd]).replace('"INFINITE"', "1e999"))
    report = await import_file(StoreTarget(memory), path, Choices("ana"))
    assert [fault.reason for fault in report.faults] == ["a: makes no message: is not a finite number"]
    kept = await original(memory, report.sessions[0].session)
    assert kept["mapping"]["b"] == odd["mapping"]["b"]
    assert kept["mapping"]["a"]["message"]["metadata"]["n"] == "inf"
    assert await shown(memory, report.sessions[0].session, MAIN) == ["question", "half ?", "on the second"]


async def test_a_record_that_is_too_large_to_be_kept_still_makes_its_messages(tmp_path: Path) -> None:
    """Conversations without a name are known again by counting: what stands for the record keeps its place."""
    path, policy = tmp_path / "run.traj", {"sweep_every": 0, "max_message_bytes": 2000}
    write(path, {"history": [{"role": "user", "content": f"{n} {'word ' * 100}"} for n in range(10)]})
    async with holdall.open({"storage": {"use": "memory"}, "sessions": policy}) as store:
        report = await import_file(StoreTarget(store), path, Choices("ana"))
        (done,), (fault,) = report.sessions, report.faults
        assert (report.error, done.added["messages"], done.added["originals"]) == (None, 10, 1)
        assert fault.reason.startswith("its original was not kept: an original (bytes) is ")
        again = await import_file(StoreTarget(store), path, Choices("ana"))
        assert (again.faults, sum(again.sessions[0].added.values())) == ([], 0)
