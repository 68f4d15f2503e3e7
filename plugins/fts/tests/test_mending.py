"""What becomes of an index that is deleted, damaged, written by several processes, or whose writer is killed.

Covers CV-06.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

import holdall

WRITER = """
import asyncio, sys, holdall
async def main(data, search, first):
    config = {"storage": {"use": "file", "options": {"path": data, "durability": "process"}},
              "search": {"use": "fts", "options": {"path": search}, "every": 0}}
    async with holdall.open(config) as store:
        number = int(first)
        while True:
            text = f"word number{number}"
            await store.create(owner="ana", messages=[{"role": "user", "content": text}])
            found = [match.message.text for match in await store.search(f"number{number}")]
            assert found == [text], found
            print(number, flush=True)
            number += 1
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def config(tmp_path):
    return {
        "storage": {"use": "file", "options": {"path": str(tmp_path / "data"), "durability": "process"}},
        "search": {"use": "fts", "options": {"path": str(tmp_path / "search")}, "every": 0},
    }


def said(text):
    return {"role": "user", "content": text}


async def texts(store, query, **asked):
    return sorted(match.message.text for match in await store.search(query, limit=500, **asked))


def files(tmp_path):
    return sorted((tmp_path / "search").glob("index-*"))


async def test_an_index_that_is_deleted_while_it_is_used_is_made_anew(config, tmp_path):
    async with holdall.open(config) as store, holdall.open(config) as other:
        await store.create(owner="ana", messages=[said("word one")])
        assert await texts(store, "word") == await texts(other, "word") == ["word one"]
        for file in files(tmp_path):
            file.unlink()
        await other.create(owner="ana", messages=[said("word two")])
        assert await texts(store, "word") == ["word one", "word two"]
        for file in (tmp_path / "search").iterdir():
            file.unlink()
        (tmp_path / "search").rmdir()
        await store.create(owner="ana", messages=[said("word three")])
        assert await texts(other, "word") == ["word one", "word three", "word two"]
        assert await texts(store, "word") == ["word one", "word three", "word two"]
    assert len({file.stem for file in files(tmp_path)}) == 1


@pytest.mark.parametrize("what", ["garbage", "empty", "zeroed page", "a hole in a segment"])
async def test_a_damaged_index_is_made_anew(config, tmp_path, what):
    async with holdall.open(config) as store:
        await store.create(owner="ana", messages=[said(f"word {number}") for number in range(300)])
        assert len(await texts(store, "word")) == 300
    (file,) = (tmp_path / "search").glob("index-*.db")
    data = bytearray(file.read_bytes())
    if what == "garbage":
        data[:] = random.Random(3).randbytes(len(data))
    elif what == "empty":
        data.clear()
    elif what == "zeroed page":
        data[8192:16384] = bytes(8192)
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE blocks SET data = x'00'")
        connection.close()
        data = bytearray(file.read_bytes())
    file.write_bytes(data)
    async with holdall.open(config) as store:
        assert len(await texts(store, "word")) == 300
        await store.create(owner="ana", messages=[said("word new")])
        assert len(await texts(store, "word")) == 301


async def test_making_it_anew_while_others_search_and_write(config):
    async with holdall.open(config) as store, holdall.open(config) as other:
        for number in range(20):
            await store.create(owner="ana", messages=[said(f"word {number} {n}") for n in range(20)])
        assert len(await texts(store, "word")) == 400
        await store.engine.keeper.index.reset()
        assert len(await texts(other, "word")) == 400  # it goes on with what is there, and reads what is new
        await other.create(owner="ana", messages=[said("fresh word")])
        assert await texts(other, "fresh") == ["fresh word"]
        await store.reindex()
        assert len(await texts(store, "word")) == len(await texts(other, "word")) == 401


@pytest.mark.crash
def test_two_processes_find_what_they_wrote_and_a_killed_one_loses_nothing(config, tmp_path):
    words = [sys.executable, "-c", WRITER, str(tmp_path / "data"), str(tmp_path / "search")]
    rng = random.Random(20261127)
    for first in (0, 100_000):
        writers = [
            subprocess.Popen([*words, str(first + at * 10_000)], stdout=subprocess.PIPE, text=True) for at in range(2)
        ]
        for writer in writers:
            for _ in range(rng.randint(2, 6)):
                assert writer.stdout.readline(), "a search did not find what was just written"
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
            writer.stdout.close()

    async def compare():
        async with holdall.open(config) as store:
            stored = [
                message.text for session in (await store.list(limit=500)).items for message in await session.history()
            ]
            assert await texts(store, "word") == sorted(stored)
            assert len(stored) >= 8

    asyncio.run(compare())


async def test_a_purge_leaves_no_term_behind(config, tmp_path):
    async with holdall.open(config) as store:
        await store.create(owner="ana", messages=[said("stays for ever")])
        session = await store.create(owner="ana", messages=[said("xylophone zeppelin"), said("quokka")])
        assert len(await texts(store, "quokka")) == 1
        index = store.engine.keeper.index
        await session.edit("msg_main_0000000001", content="vuvuzela")
        assert len(await texts(store, "vuvuzela")) == 1
        terms = "xylophone", "zeppelin", "quokka", "vuvuzela"
        assert all(in_any(tmp_path, term) for term in terms)  # the look finds what is there
        await index.purge(session.id)
        assert not any(in_any(tmp_path, term) for term in (*terms, session.id))
        assert in_any(tmp_path, "stays")
        assert len(await texts(store, "stays")) == 1


def in_any(tmp_path: Path, term: str) -> bool:
    """Whether a word is anywhere in the files of the index, compressed or not, in use or not."""
    needle = term.encode()
    for file in files(tmp_path):
        data = file.read_bytes()
        if needle in data or any(needle in block for block in streams(data)):
            return True
    return False


def streams(data: bytes):
    """Whatever in ``data`` can be decompressed."""
    at = data.find(b"\x78\x9c")
    while at >= 0:
        stream = zlib.decompressobj()
        with suppress(zlib.error):
            yield stream.decompress(data[at : at + (1 << 20)])
        at = data.find(b"\x78\x9c", at + 1)


async def test_merging_loses_nothing_and_drops_the_dead(config, tmp_path):
    async with holdall.open(config) as store:
        rng = random.Random(5)
        session = await store.create(owner="ana", messages=[said("word first")])
        wanted = ["word first"]
        for number in range(120):
            text = f"word {number} {rng.choice(['alpha', 'beta'])}"
            await session.append(said(text))
            wanted.append(text)
            if number % 3 == 0:
                await store.search("word")
            if number % 10 == 0:
                await session.edit(f"msg_main_{number:010}", content=f"word edited {number}")
                wanted[number] = f"word edited {number}"
        assert await texts(store, "word") == sorted(wanted)
        assert await texts(store, "alpha") == sorted(text for text in wanted if "alpha" in text)
        while await store.engine.keeper.index.tidy():
            pass
        assert await texts(store, "word") == sorted(wanted)
        newest = [match.message.id for match in await store.search("word", limit=200)]
        assert newest == sorted(newest, reverse=True)
        pages, cursor = [], None
        while True:
            page = await store.search("word", limit=17, order="best", cursor=cursor)
            pages += [match.message.id for match in page]
            cursor = page.next
            if cursor is None:
                break
        assert sorted(pages) == sorted(newest)
