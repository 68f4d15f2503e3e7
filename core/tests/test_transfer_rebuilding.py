"""An export of every branch becomes the same session again: branches, edits, tool runs, and what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdall.errors import StorageUnavailable
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import Place, Request, StoreTarget

pytestmark = pytest.mark.covers("CV-07", "CV-08", "CV-09", "CV-16")


def say(text: str, **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, "created_at": 1_772_359_200_000, **fields}


async def filled(store: Store, *, cleared: bool = False) -> str:
    """A session with everything that one can have; ``cleared``: its places do not begin at 0."""
    session = await store.create(owner="ana", title="Tree", tags=["x"], project="site", metadata={"k": [1]})
    if cleared:
        await store.append(session.id, [say("old")] * 5, tools=[{"tool": "ls"}], originals=["old"])
        await store.clear(session.id)
    asked = {"role": "assistant", "content": [{"type": "tool_call", "id": "c1", "name": "ls", "arguments": {}}]}
    stored = await store.append(
        session.id, [say("m0"), say("m1", original=0 + cleared), say("m2"), asked], originals=["raw"]
    )
    first = [message.id for message in stored.messages]
    await store.append(session.id, [], tools=[{"tool": "ls", "call": "c1", "message": first[3], "status": "running"}])
    await store.append(session.id, [say("reply", reply_to=first[0])])
    await store.fork(session.id, at=first[1], name="a", title="the a")
    (a2,) = (await store.append(session.id, [say("a2")], branch="a")).messages
    await store.fork(session.id, at=a2.id, name="z-of-a")
    await store.append(session.id, [say("z3")], branch="z-of-a")
    await store.fork(session.id, at=first[0], name="gone")
    (g1,) = (await store.append(session.id, [say("g1")], branch="gone")).messages
    await store.fork(session.id, at=g1.id, name="b")
    await store.append(session.id, [say("b2")], branch="b")
    await store.fork(session.id, before=first[0], name="other")
    await store.append(session.id, [say("o")], branch="other")
    await store.start_sub(session.id, first[3], name="sub-1", kind="reviewer", call="c1", title="Look")
    await store.append(session.id, [say("s"), say("s2")], branch="sub-1")
    await store.start_sub(session.id, "a", name="sub-2")
    await store.append(session.id, [say("t")], branch="sub-2")
    await store.delete_branch(session.id, "gone")
    for number in range(40):
        await store.edit(session.id, first[1], {"content": f"m1 {number}", "mood": number % 2 or None})
    await store.edit(session.id, a2.id, {"content": "a2 again", "name": "ana"})
    await store.switch(session.id, "a")
    await store.revert(session.id, a2.id, branch="z-of-a")
    return session.id


async def every(store: Store, session: str, form: str = "jsonl") -> bytes:
    return b"".join([piece async for piece in export(store, session, form, every=True)])


async def bring(store: Store, path: Path, target: StoreTarget | None = None) -> FileReport:
    return await import_file(target or StoreTarget(store), path, Choices("eve", formats=None))


def bare(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is of the new session: when it was made, and by whom."""
    for branch in document["branches"]:
        for name in ("origin", "deleted"):
            for field in ("created_at", "created_by", "at", "by"):
                branch.get(name, {}).pop(field, None)
        branch["messages"] = [_unsigned(message) for message in branch["messages"]]
    document["versions"] = sorted((_unsigned(one) for one in document["versions"]), key=json.dumps)
    session = document["session"]
    kept = ("title", "tags", "project", "metadata", "status", "branch", "reverted_to", "counts")
    document["session"] = {name: session[name] for name in kept}
    return document


def _unsigned(message: dict[str, Any]) -> dict[str, Any]:
    edited = message.pop("edited", None)
    return message if edited is None else {**message, "version": edited["version"]}


async def test_the_whole_session_comes_again(store: Store, tmp_path: Path) -> None:
    session = await filled(store)
    (tmp_path / "s.jsonl").write_bytes(await every(store, session))
    report = await bring(store, tmp_path / "s.jsonl")
    assert (report.clean, report.error) == (True, None)
    (done,) = report.sessions
    assert (done.branches, done.added["messages"], done.added["tools"]) == (7, 13, 1)
    copy = json.loads(await every(store, done.session, "json"))
    assert bare(copy) == bare(json.loads(await every(store, session, "json")))
    assert [one["content"] for one in await store.versions(done.session, "msg_main_0000000001", limit=100)] == [
        *(f"m1 {number}" for number in range(39, -1, -1)), "m1",
    ]  # fmt: skip
    texts = [message.text for message in await store.history(done.session)]
    assert texts == [message.text for message in await store.history(session)]


async def test_the_same_again_adds_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(await every(store, await filled(store)))
    (done,) = (await bring(store, tmp_path / "s.jsonl")).sessions
    before = bare(json.loads(await every(store, done.session, "json")))
    (again,) = (await bring(store, tmp_path / "s.jsonl")).sessions
    assert (again.session, sum(again.added.values()), again.branches) == (done.session, 0, 0)
    assert bare(json.loads(await every(store, done.session, "json"))) == before


async def test_places_that_do_not_begin_at_0_are_moved(store: Store, tmp_path: Path) -> None:
    session = await filled(store, cleared=True)
    (tmp_path / "s.jsonl").write_bytes(await every(store, session))
    (done,) = (await bring(store, tmp_path / "s.jsonl")).sessions
    before = json.loads(await every(store, session, "json"))
    copy = json.loads(await every(store, done.session, "json"))
    said = [{one["name"]: [m["content"] for m in one["messages"]] for one in two["branches"]} for two in (before, copy)]
    assert said[0] == said[1]
    main = copy["branches"][0]["messages"]
    assert (main[0]["id"], main[1]["original"]) == ("msg_main_0000000000", 0)
    assert (main[4]["reply_to"], copy["tools"][0]["message"]) == (main[0]["id"], main[3]["id"])
    assert copy["session"]["reverted_to"] == "msg_a_0000000002"


async def test_what_does_not_fit_into_one_step_arrives_whole(store: Store, tmp_path: Path) -> None:
    session = await store.create(owner="ana")
    for start in range(0, 600, 100):
        texts = [f"{number} {'x' * 1500}" for number in range(start, start + 100)]
        runs = [{"tool": "ls", "result": text} for text in texts]
        await store.append(session.id, [say(text) for text in texts], tools=runs, originals=texts)
    (tmp_path / "s.jsonl").write_bytes(await every(store, session.id))
    (done,) = (await bring(store, tmp_path / "s.jsonl")).sessions
    copy = json.loads(await every(store, done.session, "json"))
    assert bare(copy) == bare(json.loads(await every(store, session.id, "json")))


class Stopping(StoreTarget):
    """A store that is gone after some steps."""

    def __init__(self, store: Store, steps: int) -> None:
        super().__init__(store)
        self._left = steps

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StorageUnavailable("gone")

    async def append(self, place: Place, request: Request, key: str) -> Place:
        self._step()
        return await super().append(place, request, key)

    async def edit(self, place: Place, message: str, changes: Any) -> Place:
        self._step()
        return await super().edit(place, message, changes)

    async def fork(self, place: Place, name: str, *, at: str | None = None, before: str | None = None) -> Place:
        self._step()
        return await super().fork(place, name, at=at, before=before)

    async def remove(self, place: Place, branch: str) -> Place:
        self._step()
        return await super().remove(place, branch)


@pytest.mark.parametrize("steps", [0, 1, 3, 20, 43, 48, 52])
async def test_one_that_was_stopped_is_run_again(store: Store, tmp_path: Path, steps: int) -> None:
    session = await filled(store)
    (tmp_path / "s.jsonl").write_bytes(await every(store, session))
    with pytest.raises(StorageUnavailable):
        await bring(store, tmp_path / "s.jsonl", Stopping(store, steps))
    report = await bring(store, tmp_path / "s.jsonl")
    assert report.clean
    copy = json.loads(await every(store, report.sessions[0].session, "json"))
    assert bare(copy) == bare(json.loads(await every(store, session, "json")))


async def test_lines_that_are_no_export_are_named(store: Store, tmp_path: Path) -> None:
    lines = (await every(store, await filled(store))).splitlines()
    path = tmp_path / "s.jsonl"
    path.write_bytes(
        b"\n".join(
            [lines[0], b'{"type":"music"}', b'{"type":"message","message":{"id":"x","role":"user","content":""}}']
        )
    )
    report = await bring(store, path)
    assert [fault.reason for fault in report.faults] == []
    assert report.error == "line 3: has no id that can be"
    path.write_bytes(lines[0].replace(b'"version":2', b'"version":3', 1) + b"\n")
    report = await bring(store, path)
    assert [fault.reason for fault in report.faults] == ["is of version 3; this reads version 2 and before"]


async def crossed(store: Store) -> str:
    """Branches whose messages reply to each other's, to and fro."""
    session = await store.create(owner="ana", title="Crossed", messages=[say("m0")])
    await session.fork(at="msg_main_0000000000", name="x")
    last = "msg_main_0000000000"
    for number in range(3):
        for branch in ("x", "main"):
            stored = await store.append(session.id, [say(f"{branch} {number}", reply_to=last)], branch=branch)
            last = stored.messages[0].id
    await session.fork(at="msg_x_0000000003", name="a-of-x")
    await store.append(session.id, [say("deep", reply_to=last)], branch="a-of-x")
    await store.start_sub(session.id, "msg_main_0000000003", name="sub-1", kind="reviewer")
    await store.append(session.id, [say("s", reply_to=last)], branch="sub-1")
    await store.start_sub(session.id, "a-of-x", name="sub-0")
    await store.append(session.id, [], tools=[{"tool": "ls", "message": "msg_main_0000000003"}], originals=["raw"])
    await store.append(session.id, [say("end", reply_to="msg_a-of-x_0000000004")], branch="main")
    return session.id


async def replies(store: Store, session: str) -> dict[str, Any]:
    names = [branch.name for branch in (await store.branches(session, limit=100)).items]
    names += ["sub-0", "sub-1"]
    pages = [await store.history(session, branch=name) for name in names]
    return {message.id: (message.text, message.get("reply_to")) for page in pages for message in page.items}


@pytest.mark.covers("CV-12")
async def test_replies_to_branches_that_come_later_are_kept(store: Store, tmp_path: Path) -> None:
    source = await crossed(store)
    path = tmp_path / "every.jsonl"
    path.write_bytes(await every(store, source))
    report = await bring(store, path)
    (done,) = report.sessions
    assert (report.faults, report.error) == ([], None)
    assert (done.added["messages"], done.added["tools"], done.added["originals"], done.branches) == (10, 1, 1, 4)
    assert (done.records, done.calls, done.present) == (len(path.read_bytes().splitlines()) - 1, 1, 0)
    assert await replies(store, done.session) == await replies(store, source)
    assert [run["message"] for run in (await store.tool_runs(done.session)).items] == ["msg_main_0000000003"]
    again = (await bring(store, path)).sessions[0]
    assert (again.session, sum(again.added.values()), again.present) == (done.session, 0, 12)


@pytest.mark.covers("CV-12")
async def test_what_replies_in_a_circle_comes_in_without_that(store: Store, tmp_path: Path) -> None:
    lines = (await every(store, await crossed(store))).decode().splitlines()
    path = tmp_path / "every.jsonl"
    told = [line.replace('"reply_to":"msg_main_0000000000"', '"reply_to":"msg_x_0000000003"') for line in lines]
    path.write_text("\n".join(told))
    report = await bring(store, path)
    assert report.error is None
    assert [fault.reason for fault in report.faults] == ["replies to a message that comes after it"]
    assert report.sessions[0].added["messages"] == 10
