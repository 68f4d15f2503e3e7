"""No word of what is encrypted can be looked up anywhere; and an index of it would be found."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest
from support.encrypted import Encrypted
from support.sealed import sealed
from support.storages import Passing, everything
from support.stores import on, user

from holdall.contract import Commit, Scan


@pytest.fixture
def encrypted(clock):
    return Encrypted(clock)


WORDY = ("wordy words", "secret", "site", "plaintiff")
"""What a session says: its message, title, project and tag."""


async def leaks(below):
    """What of a session of ``WORDY`` can be looked up below encryption: kinds of partitions and marks, and its words."""
    found = await below.scan(Scan(limit=1000))
    partitions = {one.head.partition.split("/")[0] for one in found}
    marks = {name.split("/")[0] for one in found for name in one.head.marks}
    stored = await everything(below)
    words = {word for text in WORDY for word in (*text.split(), text)}
    forms = {form for word in words for form in (word.encode(), *(digest.encode() for digest in digests(word)))}
    return (
        partitions - {"datakey", "encryption", "session"}
        | marks - {"recent", "bytes", "made", "owner", "owner+project", "owner+status", "owner+tag"}
        | {form.decode() for form in forms if form in stored}
    )


def digests(word):
    """The hashes by which a word could be found by somebody who has no key."""
    return (getattr(hashlib, name)(word.encode()).hexdigest()[:32] for name in ("sha256", "sha1", "md5"))


async def wordy(store):
    message, title, project, tag = WORDY
    await store.create(owner="ana", project=project, tags=[tag], title=title, messages=[user(message)])


@pytest.mark.req("SEC-CRY-09")
async def test_there_is_no_index_of_what_is_encrypted(encrypted):
    """Marks say when and how much, and hashes of whose and what kind; no word of a message is anywhere.

    Tried with marks of what is written instead of hashes, and with the lane ``session`` left as it is.
    """
    await wordy(await encrypted.store())
    assert await leaks(encrypted.below) == set()


class Indexing(Passing):
    """A storage above encryption that is unwise: it keeps where each word of a record is, by the word's hash."""

    def __init__(self, inner, below, *, marks):
        super().__init__(inner)
        self.below, self.marks = below, marks

    async def commit(self, commit):
        words = {digest for data in commit.write.values() for word in text_of(data) for digest in [next(digests(word))]}
        if self.marks:
            commit = replace(commit, marks={**commit.marks, **{f"word/{word}": 0 for word in words}})
        await self.inner.commit(commit)
        for word in set() if self.marks else words:
            if await self.below.load(f"index/{word}") is None:
                await self.below.commit(Commit(f"index/{word}", 0, 1, 1))


def text_of(data):
    return re.findall(r"\w+", data.decode())


@pytest.mark.req("SEC-CRY-09")
@pytest.mark.parametrize("marks", [True, False])
async def test_an_index_would_be_found(encrypted, marks):
    """The control of the test above: words that are indexed by their hashes, in marks or in partitions of their own."""
    storage = Indexing(await sealed(encrypted.below, clock=encrypted.clock), encrypted.below, marks=marks)
    await wordy(on(storage, encrypted.clock, shreds=True))
    assert await leaks(encrypted.below) >= {*map(next, map(digests, ("wordy", "words", "secret", "plaintiff"))),
                                            "word" if marks else "index"}  # fmt: skip


@pytest.mark.req("SEC-CRY-09")
async def test_without_encryption_every_word_is_found(encrypted):
    """The control of the search itself."""
    await wordy(on(encrypted.below, encrypted.clock))
    assert await leaks(encrypted.below) == {word for text in WORDY for word in (*text.split(), text)}
