"""The log on the disk: what a person and a script see.

Covers ST-10, SE-08.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from dataclasses import replace
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.contract import Commit, Lane, Span, on_one_line
from holdall.testing.steps import Step
from holdall.values import foreseen
from holdall_file.lines import Commitment, Line, commit_line, marks_of, pack, parse, unpack


def lines(path):
    return [json.loads(line) for line in path.read_bytes().decode().splitlines()]


async def test_a_log_is_json_lines(open_store, tmp_path, log_of):
    store = await open_store()
    commit = Step("team/ünïcode").append("messages/main", b'{"content":"hallo"}', b"\x00\xff").mark("recent", 7).build()
    await store.commit(commit)
    header, first = lines(log_of(tmp_path / "store"))
    assert header["holdall"] == "session"
    assert header["format"] == 1
    assert header["partition"] == "team/ünïcode"
    assert len(header["id"]) == 16
    assert first["commit"] == commit.version
    assert first["marks"] == {"recent": 7}
    assert first["lanes"] == {"messages/main": [0, 2, 0]}
    assert first["records"] == [{"content": "hallo"}, base64.b64encode(b"\x00\xff").decode()]


async def test_the_checksums_are_as_documented(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 70)
    for raw in log_of(tmp_path / "store").read_bytes().splitlines():
        line = json.loads(raw)
        end = raw.index(b",", 25) + 1 + line["meta"]
        assert int(line["crc"], 16) == crc32(raw[18:end])
        at = end + len(b',"records":[')
        for _, _, length, crc, _ in line.get("at", []):
            assert crc32(raw[at : at + length]) == crc
            at += length + 1


@pytest.mark.parametrize(
    ("record", "form"),
    [
        (b'{"a":1}', 0),
        (b'"text"', 0),
        (b" [1, 2] ", 0),
        ('"ü"'.encode(), 0),
        (b"", 1),
        (b'{"a":\n1}', 1),
        (b'{"a":1}\r', 1),
        (b'{"a":NaN}', 1),
        (b'{"a":1}{', 1),
        (b'"\xff"', 1),
        (b"\x80\x04K\x01.", 1),
        (b"[" * 100_000, 1),
    ],
)
def test_json_stays_json_and_the_rest_is_base64(record, form):
    raw, found = pack(record)
    assert found == form
    assert unpack(raw, found) == record
    assert b"\n" not in raw
    assert b"\r" not in raw
    json.loads(raw)


@pytest.mark.parametrize(("record", "form"), [(b'{"a":\n1}', 1), (b"no JSON", 1), (b"\x01\x02", 2), (b'{"a":1}', 0)])
def test_only_the_very_bytes_that_the_core_made_are_taken_for_json(record, form):
    """What is said of a commit on its way is of those records alone, not of their likes, nor of a changed commit's."""
    line, where = bytes(bytearray(b'{"id":"x"}')), ("a", 0)
    commit = Commit("p", 0, 1, 1, {"a": Lane(0, 1, 1)}, {}, None, {where: line})
    head = commit.onto(None)

    def form_of(commit: Commit) -> int:
        return commit_line(commit, marks_of(commit), 0, 0)[1].at[0][4]

    assert not on_one_line(commit)
    foreseen["p"] = commit, None, head, [line]
    try:
        assert on_one_line(commit)
        assert form_of(commit) == 0
        assert on_one_line(replace(commit, write=dict(commit.write)))
        for other in ({where: record}, {where: line, ("a", 1): record}, {where: bytes(bytearray(line))}, {}):
            assert not on_one_line(replace(commit, write=other))
        assert form_of(replace(commit, write={where: record})) == form
        assert not on_one_line(replace(commit, partition="q"))
        changed = replace(commit, version=2, changed=2)
        assert (commit.onto(None), changed.onto(None).version) == (head, 2)
    finally:
        del foreseen["p"]
    assert not on_one_line(commit)


@given(
    st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda first, rest: bytes([first]) + b"".join(rest),
            st.integers(1, 8),
            st.lists(st.sampled_from([b"\n", b"\x1b", b"e", b"n", b'{"crc":"', b"\r", b"\0", b"text"]), max_size=30),
        ),
    )
)
def test_what_a_codec_made_is_binary_without_a_line_s_end(record):
    raw, form = pack(record)
    assert (form == 2) == (record[:1] in {bytes([n]) for n in range(1, 9)})
    assert b"\n" not in raw
    assert unpack(raw, form) == record


def test_what_a_commit_writes_is_read_as_a_line() -> None:
    """The same members, in the same order, with the same types and defaults; marks are JSON already."""
    written, read = ({one.name: one for one in msgspec.structs.fields(kind)} for kind in (Commitment, Line))
    assert [name for name in read if name in written] == list(written)
    marks = written.pop("marks")
    assert marks.type == msgspec.Raw | msgspec.UnsetType
    assert [read[name] for name in written] == list(written.values())


def test_every_member_that_a_commit_writes_comes_back() -> None:
    lanes = {"a": Lane(1, 3, 2), "b": None}
    for marks in ({"recent": 5, "owner/é": None, "low": -(1 << 63), "high": (1 << 63) - 1}, {}):
        commit = Commit("s", 7, 8, 5, lanes, marks, 99, {("a", 1): b"{}", ("a", 2): b"\0"})
        data, laid = commit_line(commit, marks_of(commit), 100, 20, 60)
        read = parse(data, 0, 100, whole=True)
        assert (read.start, read.end, read.records, read.at) == (laid.start, laid.end, laid.records, laid.at)
        line = read.line
        assert (line.commit, line.on, line.changed, line.expires, line.last, line.group) == (8, 7, 5, 99, 20, 60)
        assert (line.lanes, line.marks) == ({"a": [1, 3, 2], "b": None}, marks)
        assert (b'"marks"' in data) == bool(marks)


@pytest.mark.covers("OP-11")
async def test_compressed_records_take_their_own_bytes_in_a_log_and_no_more(open_store, tmp_path, log_of):
    store = await open_store()
    records = [b"\x02" + bytes(n * m % 256 for n in range(2000)) for m in range(1, 30)]
    step = Step("s").append("messages/main", *records).build()
    await store.commit(step)
    assert len(log_of(tmp_path / "store").read_bytes()) < 1.02 * sum(map(len, records)) + 2000
    found = await store.load("s", Span("messages/main"))
    assert list(found.records.values()) == records
    await store.close()
    again = await open_store()
    assert list((await again.load("s", Span("messages/main"))).records.values()) == records


@pytest.mark.covers("OP-11")
@pytest.mark.parametrize("count", [20, 600])
async def test_a_log_whose_records_became_smaller_is_compacted(open_store, tmp_path, log_of, count):
    store = await open_store()
    step = Step("s").append("messages/main", *[b'"%b"' % (b"x" * 1000) for _ in range(count)]).build()
    await store.commit(step)
    await store.close()
    store = await open_store()  # which remembers the places of the newest records only
    before = len(log_of(tmp_path / "store").read_bytes())
    head = (await store.load("s")).head
    small = {("messages/main", n): b"\x01%d" % n for n in range(count)}
    lanes = {"messages/main": Lane(0, count, head.version + 1)}
    await store.commit(Commit("s", head.version, head.version + 1, head.changed, lanes, write=small))
    await store.close()
    store = await open_store()
    assert (await store.load("s", Span("messages/main"))).records == small
    assert len(log_of(tmp_path / "store").read_bytes()) < before / 5


async def test_no_file_is_named_after_a_partition(open_store, tmp_path):
    store = await open_store()
    for name in ("../../etc/passwd", "a/b", "nul\0", "CON", "x" * 200):
        await store.commit(Step(name).append("session", b"{}").build())
    names = [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert all(set(name.split(".")[0]) <= set("0123456789abcdef-") for name in names if name.endswith("jsonl"))
    assert not (tmp_path.parent / "etc").exists()


@pytest.mark.req("SEC-FS-01")
async def test_everything_is_private_whatever_the_umask(open_store, tmp_path):
    for umask in (0o000, 0o077, 0o277):
        old = os.umask(umask)
        try:
            folder = tmp_path / f"deep{umask}" / "store"
            store = await open_store(folder)
            await store.commit(Step("s").append("session", b"{}").mark("m", 1).build())
            from holdall.contract import Scan  # noqa: PLC0415

            await store.scan(Scan("m"))
        finally:
            os.umask(old)
        for path in [folder, *folder.rglob("*")]:
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path


async def test_an_edit_is_found_and_so_is_what_was_not_edited(open_store, filled):
    store = await open_store()
    await filled(store, "s", 300)
    head = (await store.load("s")).head
    await store.commit(Step(head).rewrite("messages/main", 17, b'"new"').rewrite("session", 0, b'"title"').build())
    for again in range(2):
        found = await store.load("s", Span("messages/main"), Span("session"))
        assert found.records["messages/main", 17] == b'"new"', again
        assert found.records["messages/main", 16] == b'{"n":16}'
        assert found.records["session", 0] == b'"title"'
        await store.close()
        store = await open_store()


async def test_a_lane_that_was_removed_and_made_again_is_another_one(open_store, filled):
    store = await open_store()
    await filled(store, "s", 200)
    head = (await store.load("s")).head
    await store.commit(Step(head).remove("messages/main").build())
    head = (await store.load("s")).head
    for n in range(150):
        commit = Step(head).append("messages/main", b'"again %d"' % n).build()
        await store.commit(commit)
        head = commit.onto(head)
    await store.close()
    store = await open_store()
    found = await store.load("s", Span("messages/main", 0, 50))
    assert list(found.records.values()) == [b'"again %d"' % n for n in range(50)]


async def test_a_log_of_mostly_dead_bytes_is_compacted(open_store, tmp_path, log_of):
    store = await open_store(durability="process")
    commit = Step("s").append("session", b"{}").append("messages/main", *[b'"%d"' % n for n in range(500)]).build()
    await store.commit(commit)
    head = commit.onto(None)
    for n in range(40):
        commit = Step(head).rewrite("session", 0, b'"%s%d"' % (b"x" * 100_000, n)).build()
        await store.commit(commit)
        head = commit.onto(head)
    other = await open_store()
    assert (await other.load("s")).head == head
    await store.close()
    assert log_of(tmp_path / "store").stat().st_size < 2_500_000
    for view in (other, await open_store()):
        found = await view.load("s", Span("messages/main"), Span("session"))
        assert found.head == head
        assert [found.records["messages/main", n] for n in range(500)] == [b'"%d"' % n for n in range(500)]
        assert found.records["session", 0].endswith(b'39"')
        head = (commit := Step(found.head).append("messages/main", b"1").build()).onto(found.head)
        await view.commit(commit)


async def test_a_lane_that_begins_high_up_leaves_nothing_dead_below_it(open_store, tmp_path, log_of):
    store = await open_store(durability="process")
    write = {("messages/b1", 100_000): b'"first"'}
    await store.commit(Commit("s", 0, 1, 1, {"messages/b1": Lane(100_000, 100_001, 1)}, write=write))
    before = log_of(tmp_path / "store").read_bytes()
    await store.commit(
        Commit("s", 1, 2, 2, {"messages/b1": Lane(100_000, 100_002, 1)}, write={("messages/b1", 100_001): b"2"})
    )
    await store.close()
    assert log_of(tmp_path / "store").read_bytes().startswith(before), "it was compacted for nothing"
    found = await (await open_store()).load("s", Span("messages/b1"))
    assert dict(found.records) == {("messages/b1", 100_000): b'"first"', ("messages/b1", 100_001): b"2"}


async def test_an_empty_lane_keeps_its_positions_over_a_checkpoint(open_store, tmp_path, log_of):
    store = await open_store(durability="process")
    emptied = {"tools": Lane(24, 24, 7), "messages/main": Lane(0, 0, 3)}
    await store.commit(Commit("s", 0, 1, 1, emptied, write={}))
    head = (await store.load("s")).head
    for _ in range(200):
        await store.commit(commit := Step(head).append("session", b"{}").build())
        head = commit.onto(head)
    await store.close()
    assert b'"checkpoint":' in log_of(tmp_path / "store").read_bytes()
    found = (await (await open_store()).load("s")).head
    assert found == head
    assert {name: found.lanes[name] for name in emptied} == emptied
