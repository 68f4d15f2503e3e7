"""A long log is read in a few small pieces. Bytes are counted, not seconds."""

from __future__ import annotations

import asyncio
import os

import pytest

from holdall.contract import Span
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings, cold, finding, seek

COUNT = 100_000


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The long log, written once."""
    folder = tmp_path_factory.mktemp("long") / "store"

    async def write() -> None:
        store = await FileSessionStorage.open(FileSettings(path=folder, durability="process"))
        head = None
        for start in range(0, COUNT, 5):
            step = Step("long" if head is None else head)
            if head is None:
                step.append("session", b'{"title":"one"}')
            commit = step.append("messages/main", *[b'{"n":%d}' % n for n in range(start, start + 5)]).build()
            await store.commit(commit)
            head = commit.onto(head)
        await store.close()

    asyncio.run(write())
    return folder


@pytest.fixture
def long_log(template, open_store):
    return lambda: open_store(template)


@pytest.fixture
def reads(monkeypatch):
    counted: list[int] = []
    pread = os.pread

    def counting(fd: int, length: int, offset: int) -> bytes:
        data = pread(fd, length, offset)
        counted.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    return counted


@pytest.mark.parametrize(
    ("span", "most", "calls"),
    [
        (Span("messages/main", -50), 250_000, 12),
        (Span("session"), 250_000, 12),
        (Span("messages/main", 0, 50), 250_000, 12),
        (Span("messages/main", COUNT // 2, COUNT // 2 + 50), 250_000, 12),
        (Span("messages/main", 77_777, 77_778), 250_000, 12),
    ],
)
async def test_a_cold_reader_reads_little(long_log, reads, span, most, calls):
    store = await long_log()
    reads.clear()
    found = await store.load("long", span)
    assert sum(reads) < most, (sum(reads), len(reads))
    assert len(reads) < calls, (sum(reads), len(reads))
    expected = [b'{"title":"one"}']
    if span.lane != "session":
        expected = [b'{"n":%d}' % n for n in span.within(found.head.lanes[span.lane])]
    assert list(found.records.values()) == expected


async def test_every_position_is_found(long_log):
    store = await long_log()
    found = await store.load("long", Span("messages/main"))
    assert list(found.records.values()) == [b'{"n":%d}' % n for n in range(COUNT)]
    for at in (0, 1, 63, 64, 65, 319, 320, 12_345, 99_000, COUNT - 1):
        found = await store.load("long", Span("messages/main", at, at + 1))
        assert found.records == {("messages/main", at): b'{"n":%d}' % at}


def test_the_modules_are_the_ones_that_are_counted():
    assert cold.os is os
    assert seek.read_at is finding.read_at is cold.read_at
