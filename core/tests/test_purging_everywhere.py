"""Purging leaves no byte in whatever form: compressed, with a dictionary, encrypted, re-encoded, indexed, set aside.

What lies in the storage below all of that is read before, and pieces of it are looked for in every file afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.condensing import SmallTools
from support.deployed import fill
from support.stores import user
from support.traces import bytes_in, contents, live, pieces_of, records_with

import holdall
from holdall.contract import Span
from holdall.errors import KeyReused
from holdall.transfer.reencoding import reencode
from holdall_fts.segments import unpacked_block

WORD = f"mark{os.urandom(6).hex()}"
MARK = WORD.encode()
pytestmark = pytest.mark.covers("CV-09", "XX-04", "XX-10", "SE-10", "OP-11")
FORMS = {
    "plain": {},
    "zlib": {"compression": {"use": "zlib"}},
    "zstd": {"compression": {"use": "zstd"}},
    "encrypted": {"encryption": {"use": "aesgcm"}},
    "both": {"compression": {"use": "zstd"}, "encryption": {"use": "aesgcm"}},
}


@pytest.fixture(params=["file", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("diskcache", "tinydb"))])
def backend(request: pytest.FixtureRequest) -> str:
    """Those that leave something on a disk."""
    return request.param


@pytest.fixture
def folder(storage_options: dict[str, Any], tmp_path: Path) -> Path:
    """Where the store's files are."""
    assert storage_options
    return tmp_path / "storage"


@pytest.fixture(params=FORMS)
def sections(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The configuration of a form."""
    chosen = {name: dict(section) for name, section in FORMS[request.param].items()}
    if "encryption" in chosen:
        keys = tmp_path / "keys"
        keys.touch(mode=0o600)
        keys.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
        chosen["encryption"] |= {"plaintext": "accept", "keys": {"use": "file", "options": {"path": str(keys)}}}
    return chosen


async def say(store: Any, session: Any) -> list[str]:
    """Let the mark be in every place that it can be in; the messages to purge."""
    call = {"type": "tool_call", "id": "c1", "name": "ls", "arguments": {"of": WORD}}
    asked = [user(f"first {WORD}", original=0), {"role": "assistant", "content": [call], "original": 1}]
    stored = await store.append(session.id, asked, originals=[f"one {WORD}", f"two {WORD}"], key="k1")
    first, second = (message.id for message in stored.messages)
    result = {"type": "tool_result", "id": "c1", "content": f"result {WORD}"}
    tool = {"tool": "ls", "call": "c1", "arguments": {"of": WORD}, "result": f"result {WORD}", "message": second}
    more = await store.append(
        session.id,
        [{"role": "tool", "content": [result]}, user(f"{WORD} large " * 9_000, reply_to=first)],
        tools=[tool],
    )
    third, fourth = (message.id for message in more.messages)
    await session.edit(first, content=f"second {WORD}")
    await session.redact(first, reason="a reason")
    for said in ("third", "fourth"):
        await session.edit(first, content=f"{said} {WORD}")
    store.engine.tools = SmallTools
    await session.summarise(text=f"about {WORD}")
    await session.compact(budget=5)
    await session.fork(at=fourth, name="side")
    await session.append(user("on the side"), branch="side")
    return [first, second, third, fourth]


async def test_no_byte_is_left_in_any_form(deployment, folder, storage_options, backend, sections):
    search = (
        {}
        if "encryption" in sections
        else {"search": {"use": "fts", "options": {"path": str(folder / "s")}, "every": 0}}
    )
    async with deployment.store() as before:
        other = await fill(before, 60)
        old = await before.create(owner="ana", title=f"first {WORD}", messages=[user(f"written before: {WORD}")])
    async with deployment.store(**sections, **search) as store:
        session = await store.get(old.id)
        if sections.get("compression", {}).get("use") == "zstd":
            await deployment.train(**sections)
        names = [(await session.history()).items[0].id, *await say(store, session)]
        above, codec = await deployment.below(**sections)
        await reencode(above, codec)
        if search:
            assert len((await store.search(WORD)).items) == 5
        lying = await records_with(deployment.storage, above, codec, MARK)
        lanes = {lane for _, lane, _ in lying}
        assert lanes >= {"messages/main", "edits", "redacted", "originals", "chunks", "summaries", "tools"}, lanes
        if backend == "file":
            digest = hashlib.sha256(f"session/{session.id}".encode()).hexdigest()
            aside = Path(storage_options["options"]["path"]) / "quarantine"
            aside.mkdir(exist_ok=True)
            (aside / f"{digest}-7.torn").write_bytes(b"".join(lying.values()))
        pieces = pieces_of(lying.values())
        for name in names:
            await session.redact(name)
        assert bytes_in(folder, pieces), "the control: a redaction loses nothing"
        found = [await session.purge(message=name) for name in names]
        assert [each.messages for each in found] == [1] * len(names)
        assert found[-1].verified, found[-1]
        assert await records_with(deployment.storage, above, codec, MARK) == {}
        now = await live(deployment.storage)
        gone = [piece for piece in pieces if piece not in now]
        assert len(gone) > len(pieces) // 2
        assert (bytes_in(folder, gone), bytes_in(folder, [MARK])) == ([], [])
        assert [name for name, kept in store.engine.states._items.items() if WORD in repr(kept)] == []
        shown = [message["content"] for message in await session.history(branch="side")]
        assert shown == ["[purged]"] * 5 + ["on the side"]
        assert len(await store.history(other, limit=100)) == 60
        replayed = await store.append(session.id, [user("anything")], key="k1")
        assert replayed.replayed
        assert [message["content"] for message in replayed.messages] == ["[purged]"] * 2
        if search:
            assert [len((await store.search(word)).items) for word in (WORD, "side", "fox")] == [0, 1, 20]


async def test_nothing_is_left_by_which_a_guess_could_be_checked(deployment):
    async with deployment.store() as store:
        session = await store.create(owner="ana")
        for key in ("k0", "k1"):
            await session.append(user(f"{key} {WORD}"), key=key)
        await session.purge(message="msg_main_0000000001")
        keys = await deployment.storage.load(f"session/{session.id}", Span("keys"))
        prints = [json.loads(record)["print"] for record in keys.records.values()]
        assert (bool(prints[0]), prints[1]) == (True, "")
        with pytest.raises(KeyReused):
            await session.append(user("another"), key="k0")
        again = await session.append(user("another"), key="k1")
        assert (again.id, again["content"]) == ("msg_main_0000000001", "[purged]")


async def test_runs_of_other_messages_say_what_they_said(deployment):
    """A call's name may be used again: what goes is the run that the message tells of."""
    answer = {"role": "tool", "content": [{"type": "tool_result", "id": "c", "content": "x"}]}
    async with deployment.store() as store:
        session = await store.create(owner="ana")
        for number in range(3):
            asked = await session.append({"role": "assistant", "content": f"{number}"})
            await session.log_tool("ls", call="c", message=asked.id, arguments={"n": number}, result=number)
            await session.append(answer)
        await session.purge(message="msg_main_0000000003")
        runs = [(run.get("arguments"), run.get("result")) for run in (await store.tool_runs(session.id)).items]
        assert runs == [({"n": 0}, 0), ({"n": 1}, None), ({"n": 2}, 2)]
        await session.purge(message="msg_main_0000000004")
        runs = [(run.get("arguments"), run.get("result")) for run in (await store.tool_runs(session.id)).items]
        assert runs == [({"n": 0}, 0), ({"n": 1}, None), (None, None)]


def terms(folder: Path) -> set[str]:
    """Every term in every row of the index, dead or not."""
    found: set[str] = set()
    for path in folder.glob("index-*.db"):
        with closing(sqlite3.connect(path)) as connection:
            for (data,) in connection.execute("SELECT data FROM blocks"):
                found |= set(unpacked_block(data))
    return found


def blobs(folder: Path) -> list[bytes]:
    """All that the rows of the index have."""
    (path,) = folder.glob("index-*.db")
    with closing(sqlite3.connect(path)) as connection:
        found = [data for (data,) in connection.execute("SELECT data FROM blocks")]
        return found + [data for row in connection.execute("SELECT columns, blocks FROM segments") for data in row]


@pytest.mark.covers("CV-06")
@pytest.mark.parametrize("what", ["message", "session"])
async def test_no_byte_is_left_in_the_index(tmp_path, what):
    where = tmp_path / "search"
    search = {"use": "fts", "options": {"path": str(where)}, "every": 0}
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}, "search": search}) as store:
        for number in range(30):  # segments that are merged, so that rows move and pages are used again
            await fill(store, 5)
            await store.create(owner="ana", messages=[user(f"{WORD}{number} {WORD} kept{number}")])
            assert len((await store.search(f"{WORD}{number}")).items) == 1
        assert WORD in terms(where)
        names = {match.session for match in (await store.search(WORD, limit=100)).items}
        had = blobs(where)
        for name in names:
            await store.redact(name, "msg_main_0000000000")
        assert (await store.search(WORD)).items == []
        for name in names:
            asked = {"message": "msg_main_0000000000"} if what == "message" else {}
            assert (await store.purge(name, **asked)).verified
        assert not any(WORD in term for term in terms(where))
        gone = pieces_of(had) - pieces_of(blobs(where))
        present = b"".join(blobs(where))
        left = [
            piece for piece in gone if piece not in present and any(piece in data for data in contents(where).values())
        ]
        assert left == []
