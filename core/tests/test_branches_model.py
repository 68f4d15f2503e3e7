"""Branches against the plainest model of them: every branch a list of its own, copied whole at each fork.

Hypothesis prints how to repeat what it finds.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.conversations import Model
from support.machines import TwoWriters
from support.stores import user

from holdall import Invalid, NotFound

WHICH = st.integers(0, 1)
PICK = st.integers(0, 10_000)
NAMES = st.sampled_from(["x", "y", "main-2", "B_1", "b3", "main_0000000001"])


class BranchMachine(TwoWriters):
    """Every rule does the same to the store and to the model, and compares what both say."""

    @initialize()
    def begin(self):
        super().begin()
        self.model = Model()
        self.said: dict[str, str] = {}
        self.before: dict[str, list[str]] = {}
        """By id: what earlier versions said, the newest first."""
        self.number = 0

    def call(self, which, verb, /, *given, **named):
        """What the store answers, or the kind of its refusal."""
        try:
            return self.run(getattr(self.stores[which], verb)(self.id, *given, **named))
        except (Invalid, NotFound) as error:
            return type(error)

    def chosen(self, pick, among):
        return sorted(among)[pick % len(among)]

    @rule(which=WHICH, pick=PICK, count=st.integers(1, 3), named=st.booleans(), key=st.booleans())
    def append(self, which, pick, count, named, key):
        model = self.model
        branch = self.chosen(pick, [*model.lines, "nobody"]) if named else None
        texts = [f"{self.number}-{n}" for n in range(count)]
        self.number += 1
        asked = {"branch": branch, "key": f"k{self.number}" if key else None}
        found = self.call(which, "append", [user(text) for text in texts], **asked)
        if self.appended(found, branch, texts) and key:
            again = self.call(1 - which, "append", [user(text) for text in texts], **asked)
            assert again.replayed
            assert [message.raw for message in again.messages] == [message.raw for message in found.messages]

    def appended(self, found, branch, texts):
        """What an append to ``branch`` answered; whether it was one."""
        model = self.model
        if branch is not None and branch not in model.live:
            assert found is NotFound
            return False
        target = branch or model.branch
        if branch is None and model.shown is not None:
            target = found.state.record.view.branch
            assert target not in model.lines
            model.lines[target] = model.view().copy()
            model.left[target] = model.branch
            model.branch, model.shown = target, None
        ids = [message.id for message in found.messages]
        assert len(set(ids) | set(self.said)) == len(ids) + len(self.said), "an id was used again"
        model.lines[target] += ids
        model.own |= dict.fromkeys(ids, target)
        self.said |= dict(zip(ids, texts, strict=True))
        return True

    @rule(
        which=WHICH,
        pick=PICK,
        name=st.none() | NAMES,
        kind=st.sampled_from(["at", "before", "here"]),
        switch=st.booleans(),
    )
    def fork(self, which, pick, name, kind, switch):
        model = self.model
        if kind == "here":
            ids, asked = model.view().copy(), {}
        elif not model.own:
            return
        else:
            place = self.chosen(pick, model.own)
            line = model.lines[model.own[place]]
            ids, asked = line[: line.index(place) + (kind == "at")], {kind: place}
        found = self.call(which, "fork", name=name, switch=switch, **asked)
        if name in model.lines:
            assert found is Invalid
            return
        assert found.name == (name or found.name)
        assert found.name not in model.lines
        assert (found.messages, found.last) == (len(ids), ids[-1] if ids else None)
        assert (found.at, found.parent) == ((ids[-1], model.own[ids[-1]]) if ids else (None, None))
        model.lines[found.name] = ids
        if switch:
            model.branch, model.shown = found.name, None

    @rule(which=WHICH, pick=PICK)
    def switch(self, which, pick):
        name = self.chosen(pick, [*self.model.lines, "nobody"])
        found = self.call(which, "switch", name)
        if name not in self.model.live:
            assert found is NotFound
            return
        self.model.branch, self.model.shown = name, None

    @rule(which=WHICH, pick=PICK, other=PICK, named=st.booleans())
    def revert(self, which, pick, other, named):
        model = self.model
        if not model.own:
            return
        to = self.chosen(pick, model.own)
        branch = self.chosen(other, model.lines) if named else None
        found = self.call(which, "revert", to, branch=branch)
        line = model.lines[branch or model.branch]
        if (branch is not None and branch not in model.live) or to not in line:
            assert found is NotFound
            return
        model.branch = branch or model.branch
        model.shown = line.index(to) + 1 if to != line[-1] else None
        assert found.reverted_to == (None if model.shown is None else to)

    @rule(which=WHICH)
    def unrevert(self, which):
        model = self.model
        found = self.call(which, "unrevert")
        if model.shown is not None:
            model.shown = None
        elif model.branch not in model.left:
            assert found is Invalid
        elif model.left[model.branch] in model.deleted:
            assert found is NotFound
        else:
            model.branch = model.left[model.branch]

    @rule(which=WHICH, pick=PICK)
    def delete(self, which, pick):
        name = self.chosen(pick, self.model.lines)
        found = self.call(which, "delete_branch", name)
        if name == "main":
            assert found is Invalid
        elif name in self.model.deleted:
            assert found is NotFound
        elif name == self.model.branch:
            assert found is Invalid
        else:
            self.model.deleted.add(name)

    @precondition(lambda self: self.model.deleted)
    @rule(which=WHICH, pick=PICK)
    def restore(self, which, pick):
        name = self.chosen(pick, self.model.deleted)
        self.call(which, "restore_branch", name)
        self.model.deleted.remove(name)

    @rule(which=WHICH, pick=PICK, title=st.none() | st.sampled_from(["one", "zwei ü"]))
    def entitle(self, which, pick, title):
        name = self.chosen(pick, self.model.lines)
        found = self.call(which, "update_branch", name, title=title)
        if name in self.model.deleted:
            assert found is NotFound
        elif name == "main":
            assert found is Invalid
        else:
            self.model.titles[name] = title
            assert found.title == title

    @rule(which=WHICH, often=st.integers(0, 9))
    def clear(self, which, often):
        if often == 0:
            assert self.call(which, "clear") == len(self.model.own)
            self.model = Model()

    @rule(
        which=WHICH,
        pick=PICK,
        at=PICK,
        limit=st.integers(1, 5),
        side=st.sampled_from(["before", "after", None]),
        named=st.booleans(),
    )
    def page(self, which, pick, at, limit, side, named):  # noqa: PLR0917 - what hypothesis chooses
        model = self.model
        branch = self.chosen(pick, [*model.lines, "nobody"]) if named else None
        cursor = {} if side is None or not model.own else {side: self.chosen(at, model.own)}
        found = self.call(which, "history", limit=limit, branch=branch, **cursor)
        if branch is not None and branch not in model.live:
            assert found is NotFound
            return
        ids, line = model.view(branch), model.lines[branch or model.branch]
        if [cursor.get("before")] == line[len(ids) : len(ids) + 1]:
            cursor = {}  # the first message that a revert hides is as good a name for the end as any
        wanted = model.page(ids, limit, cursor.get("before"), cursor.get("after"))
        if wanted is None:
            assert found is NotFound
            return
        ids, following, preceding = wanted
        assert [message.id for message in found] == ids
        assert [message["content"] for message in found] == [self.said[each] for each in ids]
        assert (found.next, found.previous) == (following, preceding)

    @rule(which=WHICH, pick=PICK)
    def edit(self, which, pick):
        if self.model.own:
            name = self.chosen(pick, self.model.own)
            self.before.setdefault(name, []).insert(0, self.said[name])
            self.said[name] = f"{self.number}-edited"
            self.number += 1
            assert self.call(which, "edit", name, {"content": self.said[name]})["content"] == self.said[name]

    @rule(which=WHICH, pick=PICK)
    def versions(self, which, pick):
        if self.model.own:
            name = self.chosen(pick, self.model.own)
            found = self.call(which, "versions", name)
            assert [version["content"] for version in found] == [self.said[name], *self.before.get(name, [])]

    @rule(which=WHICH, pick=PICK)
    def message(self, which, pick):
        if self.said:
            name = self.chosen(pick, self.said)
            found = self.call(which, "message", name)
            if name in self.model.own:
                assert found["content"] == self.said[name]
            else:
                assert found is NotFound

    @rule(which=WHICH, pick=PICK, other=PICK, limit=st.integers(1, 4))
    def compare(self, which, pick, other, limit):
        model = self.model
        left, right = self.chosen(pick, model.lines), self.chosen(other, model.lines)
        found = self.call(which, "compare", left, right, limit=limit)
        if {left, right} & model.deleted:
            assert found is NotFound
            return
        one, two = model.lines[left], model.lines[right]
        shared = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
        assert found.ancestor == (one[shared - 1] if shared else None)
        for side, line in ((found.left, one), (found.right, two)):
            assert side.messages == len(line) - shared
            assert [message.id for message in side.page] == line[shared:][:limit]
            more = len(line) - shared > limit
            assert side.page.next == (line[shared + limit - 1] if more else None)

    @rule(which=WHICH, deleted=st.booleans(), limit=st.integers(1, 3))
    def list(self, which, deleted, limit):
        model, found, cursor = self.model, [], None
        while True:
            page = self.call(which, "branches", limit=limit, cursor=cursor, deleted=deleted)
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        wanted = model.deleted if deleted else model.live
        assert sorted(branch.name for branch in found) == sorted(wanted)
        assert deleted or found[0].name == "main"
        for branch in found:
            line = model.lines[branch.name]
            assert (branch.messages, branch.last) == (len(line), line[-1] if line else None)
            assert branch.current == (branch.name == model.branch)
            assert branch.title == model.titles.get(branch.name)
            assert (branch.deleted_by is not None) == deleted

    @invariant()
    def both_see_the_session_as_it_is(self):
        for store in self.stores if hasattr(self, "model") else ():
            session = self.run(store.get(self.id))
            assert (session.current_branch, session.counts.messages) == (self.model.branch, len(self.model.own))
            page = self.run(session.history(limit=3))
            assert [message.id for message in page] == self.model.view()[-3:]
            assert [message["content"] for message in page] == [self.said[message.id] for message in page]


@pytest.mark.covers("CV-08", "CV-09", "CV-11", "CV-15")
def test_branches_are_what_the_model_says():
    run_state_machine_as_test(
        BranchMachine, settings=settings(report_multiple_bugs=False, max_examples=50, stateful_step_count=30)
    )


@pytest.mark.covers("CV-08")
@pytest.mark.parametrize("backend", ["file", "diskcache", "tinydb"])
def test_branches_are_what_the_model_says_on_disk(backend):
    machine = type("OnDisk", (BranchMachine,), {"backend": backend})
    some = settings(max_examples=4, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine, settings=some)
