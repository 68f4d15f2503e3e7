"""The whole of a conversation against the plainest model of it, by two writers in turn.

To branches (``test_branches_model.py``) come sub-conversations, replies, versions that are restored, redaction, purging,
large parts, compactions and totals, in any order: what is read must be what the model says. Hypothesis prints how to
repeat what it finds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test
from support.condensing import SmallTools
from support.conversations import Conversation
from support.storages import spoil_derived
from test_branches_model import PICK, WHICH, BranchMachine
from test_totals import SAID, summed

from holdall import Invalid, NotFound
from holdall.sessions import redaction, totals
from holdall.sessions.branches import subs
from holdall.sessions.compaction import finding, walking
from holdall.sessions.counted import Totals
from holdall.sessions.parts import storing
from holdall.sessions.threads import weaving
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify

LARGE_FROM = 4096
LARGE = [f"large {number} " * 600 for number in range(2)]
REDACTED, PURGED = "[redacted]", "[purged]"


class ConversationMachine(BranchMachine):
    policy: ClassVar = {"large_part_bytes": LARGE_FROM - 1}

    @initialize()
    def begin(self):
        super().begin()
        self.model = Conversation()
        for store in self.stores:
            store.engine.tools = SmallTools

    def appended(self, found, branch, texts):
        done = super().appended(found, branch, texts)
        if done:
            self.model.fields |= {one.id: {"role": one.role, **self.counted(one)} for one in found.messages}
        return done

    def counted(self, message):
        return {name: message[name] for name in ("usage", "cost_usd", "latency_ms") if name in message}

    def versions_of(self, name):
        return [self.said[name], *self.before.get(name, [])]

    @rule(
        which=WHICH,
        pick=PICK,
        to=st.none() | PICK,
        said=SAID,
        large=st.none() | st.sampled_from(LARGE),
        named=st.booleans(),
    )
    def say(self, which, pick, to, said, large, named):  # noqa: PLR0917 - what hypothesis chooses
        model = self.model
        branch = self.chosen(pick, model.lines) if named else None
        self.stores[0].engine.clock.advance(0.001)  # by which replies on several branches can be put in order
        text = large or f"{self.number} said"
        self.number += 1
        target = None if to is None or not self.said else self.chosen(to, [*self.said, "msg_b9_0000000000"])
        reply = {} if target is None else {"reply_to": target}
        found = self.call(which, "append", [{**said, "content": text, **reply}], branch=branch)
        if target is not None and target not in model.own and (branch is None or branch in model.live):
            assert found is Invalid
            return
        if self.appended(found, branch, [text]) and target is not None:
            name = found.messages[0].id
            if target not in model.thread_of:
                model.thread_of[target] = len(model.threads)
                model.threads.append([target])
            model.thread_of[name] = model.thread_of[target]
            model.threads[model.thread_of[name]].append(name)

    @rule(which=WHICH, pick=PICK)
    def edit(self, which, pick):
        self.edited(which, pick, {"content": f"{self.number} edited"})

    @rule(which=WHICH, pick=PICK, said=SAID, large=st.none() | st.sampled_from(LARGE))
    def edit_all(self, which, pick, said, large):
        self.edited(which, pick, {**said, "content": large or f"{self.number} edited"})

    def edited(self, which, pick, changes):
        self.number += 1
        model = self.model
        if model.own:
            name = self.chosen(pick, model.own)
            found = self.call(which, "edit", name, changes)
            assert found["content"] == changes["content"]
            counts = {**model.fields[name], **{key: what for key, what in changes.items() if key != "content"}}
            self.becomes(name, changes["content"], counts)

    def becomes(self, name, text, fields):
        """A message gets another version."""
        model = self.model
        self.before.setdefault(name, []).insert(0, self.said[name])
        model.fields_before.setdefault(name, []).insert(0, model.fields[name])
        self.said[name], model.fields[name] = text, fields
        model.purged.discard(name)
        model.changed(name)

    @rule(which=WHICH, pick=PICK, number=st.integers(0, 5))
    def restore_version(self, which, pick, number):
        model = self.model
        if model.own:
            name = self.chosen(pick, model.own)
            versions = self.versions_of(name)[::-1]
            found = self.call(which, "restore_version", name, number)
            if not 1 <= number <= len(versions):
                assert found is NotFound
                return
            assert found["content"] == versions[number - 1]
            fields = [model.fields[name], *model.fields_before.get(name, [])][::-1]
            self.becomes(name, versions[number - 1], fields[number - 1])

    @rule(which=WHICH, pick=PICK, some=st.booleans())
    def redact(self, which, pick, some):
        model = self.model
        if model.own:
            name = self.chosen(pick, model.own)
            spans = (
                [{"at": "/content", "start": 1, "stop": 2}, {"at": "/content", "start": 0, "stop": 1}] if some else []
            )
            found = self.call(which, "redact", name, spans=spans)
            model.hidden[name] = self.versions_of(name) + model.hidden.get(name, [])
            self.said[name] = f"{REDACTED}{REDACTED}{self.said[name][2:]}" if some else REDACTED
            self.before[name] = [REDACTED] * len(self.before.get(name, []))
            assert found["content"] == self.said[name]
            model.purged.discard(name)
            model.changed(name)

    @rule(which=WHICH, pick=PICK)
    def purge(self, which, pick):
        model = self.model
        if model.own:
            name = self.chosen(pick, model.own)
            found = self.run(self.stores[which].purge(self.id, message=name))
            assert found.messages == (name not in model.purged)
            if found.messages:
                self.said[name], self.before[name], model.hidden[name] = PURGED, [], []
                model.fields_before[name] = []
                model.purged.add(name)
                model.changed(name)

    @rule(which=WHICH, pick=PICK)
    def what_was_redacted(self, which, pick):
        if self.model.own:
            name = self.chosen(pick, self.model.own)
            kept = [one.as_dict()["said"]["content"] for one in self.call(which, "redacted", name)]
            assert kept == [text for text in self.model.hidden.get(name, []) if text != PURGED]

    @rule(which=WHICH, pick=PICK, message=st.booleans(), number=st.none() | st.integers(1, 3))
    def start_sub(self, which, pick, message, number):
        model = self.model
        under = self.chosen(pick, self.said if message and self.said else model.lines)
        name = None if number is None else f"sub-x{number}"
        found = self.call(which, "start_sub", under, name=name, kind="helper")
        is_message = under in self.said
        branch = model.own.get(under) if is_message else under
        if branch not in model.live:
            assert found is NotFound
        elif name in model.lines:
            assert found is Invalid
        else:
            assert found.name not in model.lines
            assert (found.messages, found.under.branch, found.under.kind) == (0, branch, "helper")
            model.lines[found.name] = []
            model.under[found.name] = branch, under if is_message else None

    @rule(which=WHICH, pick=PICK)
    def delete(self, which, pick):
        model = self.model
        name = self.chosen(pick, model.lines)
        along = model.below(name)
        found = self.call(which, "delete_branch", name)
        if name == "main":
            assert found is Invalid
        elif name in model.deleted:
            assert found is NotFound
        elif model.branch in (name, *along):
            assert found is Invalid
        else:
            model.deleted |= {name, *along}
            model.along |= dict.fromkeys(along, name) | {name: None}

    @precondition(lambda self: self.model.deleted)
    @rule(which=WHICH, pick=PICK)
    def restore(self, which, pick):
        model = self.model
        name = self.chosen(pick, model.deleted)
        self.call(which, "restore_branch", name)
        model.deleted -= {name, *(one for one in model.deleted if model.along[one] == name)}

    @rule(which=WHICH, often=st.integers(0, 9))
    def clear(self, which, often):
        if often == 0:
            assert self.call(which, "clear") == len(self.model.own)
            self.model = Conversation()

    @rule(which=WHICH, deleted=st.booleans(), limit=st.integers(1, 3))
    def list(self, which, deleted, limit):
        model = self.model
        wanted = model.deleted if deleted else model.live
        assert self.names(which, limit, deleted=deleted) == sorted(set(wanted) - set(model.under))
        assert self.names(which, limit, deleted=deleted, subs=True) == sorted(set(wanted) & set(model.under))

    @rule(which=WHICH, pick=PICK, limit=st.integers(1, 3))
    def list_under(self, which, pick, limit):
        model = self.model
        name = self.chosen(pick, [*model.own, *model.lines])
        wanted = [sub for sub, place in model.under.items() if name in place and sub not in model.deleted]
        assert self.names(which, limit, under=name) == sorted(wanted)

    def names(self, which, limit, **asked):
        found, cursor = [], None
        while True:
            page = self.call(which, "branches", limit=limit, cursor=cursor, **asked)
            found += [branch.name for branch in page]
            cursor = page.next
            if cursor is None:
                return sorted(found)

    @rule(which=WHICH, pick=PICK, limit=st.integers(1, 3), forwards=st.booleans())
    def thread(self, which, pick, limit, forwards):
        model = self.model
        if model.own:
            name = self.chosen(pick, model.own)
            ids = model.threads[model.thread_of[name]] if name in model.thread_of else [name]
            found, cursor = [], {"after": ids[0]} if forwards else {}
            while cursor is not None:
                page = self.call(which, "thread", name, limit=limit, **cursor)
                assert [one["content"] for one in page] == [self.said[one.id] for one in page]
                some = [one.id for one in page]
                found = found + some if forwards else some + found
                at = page.next if forwards else page.previous
                cursor = None if at is None else {"after" if forwards else "before": at}
            assert found == [one for one in (ids[1:] if forwards else ids) if model.is_there(one)]

    @rule(which=WHICH)
    def threads(self, which):
        model = self.model
        found = [(one.root.id, one.replies, one.last.id) for one in self.call(which, "threads")]
        wanted = [(ids[0], len(ids) - 1, ids[-1]) for ids in model.threads]
        assert found == [one for one in wanted if model.is_there(one[0]) and model.is_there(one[2])]

    @rule(which=WHICH, pick=PICK, budget=st.sampled_from([0, 1, 3, 9, 10**9]), named=st.booleans(), whole=st.booleans())
    def compact(self, which, pick, budget, named, whole):
        model = self.model
        branch = self.chosen(pick, model.lines) if named else None
        ids = model.view(branch)
        found = self.call(which, "compact", budget=budget, branch=branch, whole=whole)
        if budget == 0 or (branch is not None and branch not in model.live):
            assert found is (Invalid if budget == 0 else NotFound)
            return
        if found.new:
            told = found.compaction.as_dict()
            shown = [name for first, last in told["kept"] for name in ids[ids.index(first) : ids.index(last) + 1]]
            assert told["last"] == ids[-1] == shown[-1]
            assert [one for one in shown if one in ids] == shown
            assert {one for one in ids if model.fields[one]["role"] == "system"} <= set(shown)
            model.compactions.append(
                {"id": told["id"], "last": ids[-1], "shown": shown, "covers": set(ids), "stale": False}
            )
        held, seen = model.context(branch)
        assert (found.compaction and found.compaction.id) == (held and held["id"])
        assert (found.messages, found.met) == (len(seen), found.tokens <= budget)

    @rule(which=WHICH, pick=PICK, named=st.booleans(), budget=st.none() | st.integers(1, 9))
    def active_context(self, which, pick, named, budget):
        self.active_context_is_right(which, self.chosen(pick, self.model.lines) if named else None, budget)

    def active_context_is_right(self, which, branch, budget):
        model = self.model
        found = self.call(which, "active_context", branch=branch, budget=budget)
        if branch is not None and branch not in model.live:
            assert found is NotFound
            return
        held, ids = model.context(branch)
        assert (found.compaction, found.stale) == ((held["id"], held["stale"]) if held else (None, False))
        shown = [message.id for message in found.messages]
        assert shown == ids if budget is None else (shown[-1:] == ids[-1:] and set(shown) <= set(ids))
        assert [message["content"] for message in found.messages] == [self.said[one] for one in shown]

    @rule(pick=PICK)
    def rot(self, pick):
        """What is derived is made again."""
        storage, codec = (getattr(self.stores[0].engine, name) for name in ("storage", "codec"))
        spoilt = self.run(spoil_derived(storage, f"session/{self.id}", pick))
        assert bool(self.run(repair(storage, codec, apply=True, owner="nobody")).again) == spoilt
        assert self.run(verify(storage, codec)).problems == []

    @invariant()
    def both_see_what_there_is(self):
        """The branches, and what a model should see of the one that is shown."""
        for which, _ in enumerate(self.stores if hasattr(self, "model") else ()):
            found = self.names(which, 100) + self.names(which, 100, subs=True)
            assert sorted(found) == sorted(self.model.live)
            self.active_context_is_right(which, None, None)

    @invariant()
    def parts_are_counted(self):
        if not hasattr(self, "model"):
            return
        texts = Counter(text for name in self.model.own for text in self.versions_of(name) if len(text) >= LARGE_FROM)
        wanted = {hashlib.sha256(text.encode()).hexdigest(): count for text, count in texts.items()}
        for store in self.stores:
            found = {part.hash: part.references for part in self.run(store.parts(self.id))}
            assert found == wanted

    @invariant()
    def totals_are_sums(self):
        for store in self.stores if hasattr(self, "model") else ():
            model = self.model
            assert self.run(store.totals(self.id)).totals.as_dict() == summed(model.fields[name] for name in model.own)
            for branch in model.live:
                wanted = summed(model.fields[name] for name in model.lines[branch])
                assert self.run(store.totals(self.id, branch)).totals.as_dict() == wanted


def small(monkeypatch):
    """Blocks, tables and pages of a few, so that a short conversation has many."""
    for module, name, few in (
        (totals, "BLOCK", 2),
        (totals, "_KEPT_AFTER", 1),
        (weaving, "_BLOCK", 2),
        (weaving, "FULL", 2),
        (walking, "_PAGE", 3),
        (walking, "_MANY", 4),
        (finding, "_MORE", 2),
        (storing, "CHUNK", 1000),
        (subs, "_AT_ONCE", 2),
    ):
        monkeypatch.setattr(module, name, few)


def run(backend, examples, monkeypatch, **more):
    small(monkeypatch)
    machine = type("Machine", (ConversationMachine,), {"backend": backend})
    some = settings(
        report_multiple_bugs=False,
        max_examples=examples,
        stateful_step_count=40,
        suppress_health_check=[HealthCheck.too_slow],
        **more,
    )
    run_state_machine_as_test(machine, settings=some)


@pytest.mark.covers("CV-05", "CV-08", "CV-09", "CV-11", "CV-15")
@pytest.mark.parametrize(("backend", "examples"), [("memory", 12), ("file", 1), ("diskcache", 1), ("tinydb", 1)])
def test_a_conversation_is_what_the_model_says(backend, examples, monkeypatch):
    run(backend, examples, monkeypatch)


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.covers("CV-05", "CV-08", "CV-09", "CV-11", "CV-15")
@pytest.mark.parametrize(("backend", "examples"), [("memory", 500), ("file", 40)])
def test_a_conversation_is_what_the_model_says_at_length(backend, examples, monkeypatch):
    run(backend, examples, monkeypatch)


@pytest.mark.parametrize(
    ("where", "name", "wrong"),
    [
        (totals, "count", lambda _: Totals()),
        (redaction, "hide", lambda *_: None),
        (redaction, "redacted_content", lambda content: content),
    ],
    ids=["totals", "parts", "words"],
)
def test_what_is_wrong_is_found(monkeypatch, where, name, wrong):
    """The negative control: with any of these the model must not agree."""
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        run("memory", 600, monkeypatch, phases=[Phase.generate], derandomize=True)
