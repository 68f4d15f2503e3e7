"""``SearchIndexTests``: what every search index must keep.

    from holdall.testing import SearchIndexTests

    class TestCards(SearchIndexTests):
        plugin = "cards"

It may name too much; that it names everything, in order, and forgets what it shall, is tested.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdall.indexing import open_index
from holdall.searching import (
    Document,
    Hit,
    Key,
    KnownLane,
    LaneUpdate,
    Query,
    SearchIndex,
    Update,
    Walked,
    Wanted,
    terms_of,
)
from holdall.testing.case import verifies
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests

__all__ = ["SearchIndexTests", "opened", "update", "wanted"]

ONE, TWO = "session-one-0000000000", "session-two-0000000000"
TEXTS = (
    "the quick brown fox jumps over getUserName",
    "在人工智能领域。机器学习",
    "สวัสดีประเทศไทย 한국어를 배우다",
    "Überraschung im Café 🎉",
    "src/holdall/store.py says user_name twice, user_name",
)


@asynccontextmanager
async def opened(found: Tested, options: Mapping[str, Any]) -> AsyncGenerator[SearchIndex]:
    """The index, opened as the core does it."""
    index = await open_index(found.offer, options_for(found, options))
    try:
        yield index
    finally:
        await index.close()


def document(position: int, text: str, at: int | None = None, labels: Sequence[str] = ("role:user",)) -> Document:
    """A message for an index."""
    return Document(position, position if at is None else at, tuple(labels), text, zlib.crc32(text.encode()))


def update(session: str, texts: Sequence[str], *, edition: int = 0, start: int = 0, rewritten: int = 1) -> Update:
    """What puts ``texts`` at the end of a session's main branch."""
    documents = [document(position, text) for position, text in enumerate(texts, start)]
    stop = start + len(texts)
    lane = LaneUpdate("main", start, stop, KnownLane(0, stop, rewritten), documents)
    return Update(session, edition, stop, "ana", "site", ("a tag",), [lane])


def wanted(query: str, **fields: Any) -> Wanted:
    """A search for words."""
    return Wanted(needs=Query(query).needs, **fields)


async def found_by(index: SearchIndex, query: str, **fields: Any) -> list[tuple[str, int]]:
    """Where the index says that something is."""
    return [place(hit) for hit in (await index.find(wanted(query, **fields))).hits]


def place(hit: Hit) -> tuple[str, int]:
    """The session and position of a hit."""
    return hit.key.session, hit.key.position


class SearchIndexTests(OfferTests):
    """Holds the search index named ``plugin`` to what the core relies on.

    One that needs options overrides the fixture ``options``.
    """

    kind = "search index"

    @verifies("complete")
    def test_it_names_what_was_put_into_it(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """It "never leaves out one that does and was put into it": by each of its terms, and by beginnings of them."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, TEXTS)])
                for position, text in enumerate(TEXTS):
                    for term in terms_of(text):
                        assert (ONE, position) in await found_by(index, term), f"{term!r} is in {text!r}"
                        assert (ONE, position) in await found_by(index, f"{term[:1]}*")
                assert await found_by(index, '"quick brown" getusername', labels=("role:user",), owner="ana") == [
                    (ONE, 0)
                ]

        _run(body())

    @verifies("complete")
    def test_filters_leave_in_what_meets_them(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """What meets "everything that is given" is named: owner, session, project, tag, labels, time."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, ["word"] * 5), update(TWO, ["word"] * 5)])
                asked: Mapping[str, Any] = {"owner": "ana", "project": "site", "tag": "a tag", "labels": ("role:user",)}
                for name, value in asked.items():
                    assert len(await found_by(index, "word", **{name: value})) == 10, name
                assert {(TWO, 3)} <= {*await found_by(index, "word", session=TWO, since=3, until=4)}
                assert len((await index.find(Wanted(limit=100))).hits) == 10

        _run(body())

    @verifies("ordered")
    def test_the_newest_come_first(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """By ``Key``, downwards; ``before`` goes on behind any of them, and ``more`` says whether there is more."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, ["word"] * 30)])
                await index.put([update(TWO, ["word"] * 30)])
                before: Key | None = None
                pages: list[Key] = []
                while True:
                    found = await index.find(wanted("word", limit=7, before=before))
                    pages += [hit.key for hit in found.hits]
                    if not found.more:
                        break
                    before = pages[-1]
                assert pages == [Key(at, name, "main", at) for at in range(29, -1, -1) for name in (TWO, ONE)]

        _run(body())

    @verifies("ordered")
    def test_the_best_come_in_one_order(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """The best of "the newest ``within``": each once, by falling score, whatever is put meanwhile."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, [f"word {'more ' * at}" for at in range(20)])])
                first = await index.find(wanted("word", best=True, limit=8, within=15))
                assert first.newest == Key(19, ONE, "main", 19)
                behind = Key(19, ONE, "main", 20)
                await index.put([update(TWO, ["word"])])
                last = first.hits[-1]
                rest = await index.find(
                    wanted(
                        "word",
                        best=True,
                        limit=20,
                        within=15,
                        before=behind,
                        after=(last.score, last.key),
                        counts=first.counts,
                    )
                )
                hits = [*first.hits, *rest.hits]
                assert (first.more, rest.more) == (True, False)
                assert sorted(place(hit) for hit in hits) == [(ONE, at) for at in range(5, 20)]
                assert hits == sorted(hits, key=lambda hit: (hit.score, hit.key), reverse=True)

        _run(body())

    @verifies("honest")
    def test_it_knows_what_was_read(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """``known`` is what the last update said; one based on anything else "is left out", and told."""

        async def body() -> None:
            async with opened(tested, options) as index:
                assert await index.known([ONE]) == {}
                assert [*await index.put([update(ONE, ["one"]), update(TWO, ["two"])])] == []
                known = (await index.known([ONE, "session-none-000000000"]))[ONE]
                assert (known.changed, known.lanes) == (1, {"main": KnownLane(0, 1, 1)})
                late = update(ONE, ["late"], edition=known.edition + 1, start=1)
                assert [*await index.put([late])] == [ONE]
                assert await found_by(index, "late") == []
                assert [*await index.put([update(ONE, ["next"], edition=known.edition, start=1)])] == []
                assert await found_by(index, "next") == [(ONE, 1)]
                assert (await index.known([ONE]))[ONE].edition > known.edition
                assert [*await index.sessions("", 1)] == [ONE]
                assert [*await index.sessions(ONE, 5)] == [TWO]

        _run(body())

    @verifies("forgetful")
    def test_what_is_not_there_any_more_is_forgotten(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """What an update covers and does not bring, branches that are gone, and sessions that are forgotten."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, ["alpha", "beta", "gamma"]), update(TWO, ["alpha"])])
                edition = (await index.known([ONE]))[ONE].edition
                lane = LaneUpdate("main", 1, 3, KnownLane(1, 3, 9), [document(1, "delta"), document(2, "gamma")])
                await index.put([Update(ONE, edition, 9, "ana", "site", (), [lane])])
                assert await found_by(index, "alpha") == [(TWO, 0)]
                assert await found_by(index, "delta") == [(ONE, 1)]
                assert await found_by(index, "gamma") == [(ONE, 2)]
                edition = (await index.known([ONE]))[ONE].edition
                await index.put([Update(ONE, edition, 10, "ana", None, (), gone=["main"])])
                assert [place(hit) for hit in (await index.find(Wanted())).hits] == [(TWO, 0)]
                await index.forget([TWO, "session-none-000000000"])
                assert [*(await index.find(Wanted())).hits] == []
                assert (await index.known([TWO])) == {}

        _run(body())

    @verifies("forgetful")
    def test_a_purge_leaves_no_byte(self, tested: Tested, options: Mapping[str, Any], tmp_path: Path) -> None:
        """It has to "leave no byte of it behind, in whatever file": also of what it forgot before. The others stay."""

        async def body() -> None:
            async with opened(tested, options) as index:
                others = [update(f"session-other-{at:010}", [f"stays {at}"]) for at in range(20)]
                await index.put([*others, update(ONE, ["xylophone zeppelin", "vuvuzela"])])
                edition = (await index.known([ONE]))[ONE].edition
                await index.put([update(ONE, ["quokka"], edition=edition, rewritten=2)])
                await index.purge(ONE)
                assert (await index.known([ONE])) == {}
                assert len(await found_by(index, "stays")) == 20
                files = _files(tmp_path)
                for word in (b"xylophone", b"zeppelin", b"vuvuzela", b"quokka", ONE.encode()):
                    assert not any(word in data for data in files), word

        _run(body())

    @verifies("rebuilt")
    def test_it_can_be_made_anew_while_it_is_used(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """After ``reset`` it knows nothing, names what it had, and takes everything in again from nothing."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, ["alpha", "beta"])])
                await index.walk(Walked(), Walked(7, None, 9))
                await index.reset()
                assert await index.walked() == Walked()
                known = (await index.known([ONE]))[ONE]
                assert (known.changed, known.lanes) == (0, {})
                assert await found_by(index, "alpha") == [(ONE, 0)]
                await index.put([update(ONE, ["gamma"], edition=known.edition)])
                assert [place(hit) for hit in (await index.find(Wanted())).hits] == [(ONE, 0)]

        _run(body())

    @verifies("honest")
    def test_how_far_it_looked_is_kept_by_comparison(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """``walk`` changes nothing "unless" what is there is what it was said to be."""

        async def body() -> None:
            async with opened(tested, options) as index:
                assert await index.walked() == Walked()
                begun = Walked(5, (7, "session/x"), 0)
                await index.walk(Walked(), begun)
                await index.walk(Walked(), Walked(9))
                assert await index.walked() == begun
                await index.walk(begun, Walked(9, None, 3))
                assert await index.walked() == Walked(9, None, 3)

        _run(body())

    @verifies("honest")
    def test_opened_again_it_knows_what_it_names(self, tested: Tested, options: Mapping[str, Any]) -> None:
        """It may lose everything, but not a part: what it says that it knows, it names."""

        async def body() -> None:
            async with opened(tested, options) as index:
                await index.put([update(ONE, TEXTS)])
            async with opened(tested, options) as index:
                while await index.tidy():
                    pass
                known = await index.known([ONE])
                assert await found_by(index, "fox") == [(ONE, 0)] * len(known)

        _run(body())


def _run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 60))


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
