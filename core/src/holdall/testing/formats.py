"""``FormatTests``: what every format must keep.

    from holdall.testing import FormatTests

    class TestChatlog(FormatTests):
        plugin = "chatlog"

A reader is tested with the samples of the offer, a writer with sessions made here. What a format cannot do is skipped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdall.caching import Cache, LeastRecentlyUsed
from holdall.codecs import Codec
from holdall.contract import Commit, ISessionStorage, Scan, Snapshot, Span
from holdall.formats import Formats, export
from holdall.formats.records import Entry, Fault, Transcript
from holdall.formats.sources import Source
from holdall.hooks import FormatOffer, hookimpl
from holdall.plugins import Plugins
from holdall.sessions.engine import Engine
from holdall.sessions.policy import SessionPolicy
from holdall.sessions.store import Store
from holdall.testing.case import verifies
from holdall.testing.clock import ManualClock
from holdall.testing.kinds import Tested
from holdall.testing.model import Model
from holdall.testing.offers import OfferTests
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import StoreTarget

__all__ = ["FormatTests", "costs"]

_PAGE, _LONG = 100, 350


class _Remembered(ISessionStorage):
    """The model of the contract as a storage, and how many messages each load brought."""

    def __init__(self) -> None:
        self._model = Model()
        self.most = 0

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        found = self._model.load(partition, *spans)
        if found is not None:
            self.most = max(self.most, sum(lane.startswith("messages/") for lane, _ in found.records))
        return found

    async def commit(self, commit: Commit) -> None:
        self._model.commit(commit)

    async def drop(self, partition: str, *, expect: int) -> None:
        self._model.drop(partition, expect=expect)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        return self._model.scan(scan)


class _Offering:
    """A plugin that offers the format under test, and nothing else."""

    def __init__(self, offer: FormatOffer) -> None:
        self._offer = offer

    @hookimpl
    def holdall_formats(self) -> Iterable[FormatOffer]:
        return [self._offer]


def _formats(tested: Tested) -> Formats:
    """The built-in ones, and the one that is tested."""
    plugins = Plugins()
    if tested.offer.name not in Formats().readable + Formats().writable:
        plugins.register(_Offering(tested.offer), "the format under test")
    return Formats(plugins)


def _store(storage: ISessionStorage) -> Store:
    cache = Cache[Any](LeastRecentlyUsed(), 0)
    return Store(Engine(storage, clock=ManualClock(), policy=SessionPolicy(), codec=Codec(), cache=cache))


def _run(body: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(body(), 100)

    asyncio.run(whole())


class FormatTests(OfferTests):
    """Holds the format named ``plugin`` to what imports and exports rely on."""

    kind = "format"

    @pytest.fixture
    def samples(self, tested: Tested, tmp_path: Path) -> Sequence[Path]:
        """Files of the format: the offer's own samples."""
        return list(tested.offer.samples(tmp_path))

    @verifies("known")
    def test_its_files_are_known_and_by_no_other(self, tested: Tested, samples: Sequence[Path]) -> None:
        """``knows``: "the first line that shows the file to be of this format", and to be of none that is built in."""
        _reads(tested, samples)
        for path in samples:
            assert _formats(tested).detect(Source(path)) == tested.offer.name

    @verifies("known")
    def test_the_files_of_others_are_left_to_them(self, tested: Tested, tmp_path: Path) -> None:
        """``knows`` answers ``None`` for "it isn't": for files of other formats, of none, and without anything in them."""
        _reads(tested, (tmp_path,))
        for name, text in _OTHERS.items():
            path = tmp_path / f"other-{name}"
            path.write_bytes(text)
            assert tested.offer.reader().knows(Source(path)) is None, f"a file of {name}"

    @verifies("whole")
    def test_everything_in_its_files_is_kept(self, tested: Tested, samples: Sequence[Path]) -> None:
        """Each sample makes sessions with messages, and nothing in it is refused."""
        _reads(tested, samples)
        for path in samples:
            report = _imported(tested, path)[0]
            assert report.clean, f"{report.error}, {report.faults}"
            assert sum(session.added["messages"] for session in report.sessions) > 0

    @verifies("repeatable")
    def test_the_same_file_is_read_the_same(self, tested: Tested, samples: Sequence[Path]) -> None:
        """A transcript "can be read again from the start", and tells the same."""
        _reads(tested, samples)
        for path in samples:
            first, second = (list(tested.offer.reader().transcripts(Source(path))) for _ in range(2))
            for one_of, other in zip(first, second, strict=True):
                if isinstance(one_of, Transcript) and isinstance(other, Transcript):
                    told = [list(one_of.entries()), list(one_of.entries()), list(other.entries())]
                    assert told[0] == told[1] == told[2]
                    assert one_of.about == other.about
                else:
                    assert one_of == other

    @verifies("once")
    def test_the_same_file_brings_nothing_twice(self, tested: Tested, samples: Sequence[Path]) -> None:
        """Importing a file again adds nothing: its sessions are known by their names, and their entries, too."""
        _reads(tested, samples)
        for path in samples:
            first, second = _imported(tested, path, times=2)
            assert [session.session for session in first.sessions] == [session.session for session in second.sessions]
            assert all(sum(session.added.values()) + session.branches == 0 for session in second.sessions)

    @verifies("robust")
    def test_bad_input_is_named_and_never_raised(self, tested: Tested, samples: Sequence[Path], tmp_path: Path) -> None:
        """A reader "raises nothing for what is in a file: it yields a ``Fault`` with the line and the reason"."""
        _reads(tested, samples)
        for number, path in enumerate(samples):
            whole = path.read_bytes()
            for name, data in _spoiled(whole).items():
                bad = tmp_path / f"bad-{number}-{name}{path.suffix}"
                bad.write_bytes(data)
                for found in tested.offer.reader().transcripts(Source(bad)):
                    told = [found] if isinstance(found, Fault) else list(found.entries())
                    lines = data.count(b"\n") + 1
                    assert all(1 <= entry.line <= lines for entry in told), f"{name}: a line that is not in the file"
                    assert all(isinstance(entry, Entry | Fault) for entry in told)

    @verifies("bounded")
    def test_an_export_holds_a_page(self, tested: Tested) -> None:
        """A writer "holds no more of it than a page": of a long session it yields pieces, and reads it in pages."""
        _writes(tested)

        async def body() -> None:
            storage = _Remembered()
            store, session = await _talked(storage, _LONG)
            storage.most = 0
            pieces = [piece async for piece in export(store, session, tested.offer.name, formats=_formats(tested))]
            text = b"".join(pieces)
            assert storage.most <= _PAGE, f"{storage.most} messages in one load"
            assert max(map(len, pieces)) < max(len(text) * 2 // 3, 1), "one piece is most of the export"

        _run(body)

    @verifies("faithful")
    def test_an_export_has_every_message_in_order(self, tested: Tested) -> None:
        """What was said stands in the export, in the order of the conversation; the same session is written the same."""
        _writes(tested)

        async def body() -> None:
            store, session = await _talked(_Remembered(), _LONG)
            formats = _formats(tested)
            texts = [
                b"".join([piece async for piece in export(store, session, tested.offer.name, formats=formats)])
                for _ in range(2)
            ]
            assert texts[0] == texts[1]
            # Its last place: a table of contents may have stood before.
            places = [texts[0].rfind(b"word%d-" % number) for number in range(_LONG)]
            assert -1 not in places, f"message {places.index(-1)} is not in it"
            assert places == sorted(places), "the messages are out of order"

        _run(body)

    @verifies("faithful")
    def test_what_was_written_is_read_again(self, tested: Tested, tmp_path: Path) -> None:
        """A format that is read and written brings back who said what."""
        if tested.offer.reader is None or tested.offer.writer is None:
            pytest.skip("the format is not both read and written")

        async def body() -> None:
            store, session = await _talked(_Remembered(), 3)
            formats = _formats(tested)
            path = tmp_path / f"export{tested.offer.suffix}"
            pieces = [piece async for piece in export(store, session, tested.offer.name, formats=formats)]
            path.write_bytes(b"".join(pieces))
            choices = Choices("kit", format=tested.offer.name, formats=formats, new=True)
            report = await import_file(StoreTarget(store), path, choices)
            (again,) = report.sessions
            assert await _said(store, again.session) == await _said(store, session)

        _run(body)


def costs(found: Tested, options: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """What a format costs: µs for an entry of its samples, and for a message of a session that is exported."""
    if found.offer.reader is not None:
        folder = Path(options["folder"])
        began, count = time.perf_counter(), 0
        for path in found.offer.samples(folder):
            for one_of in found.offer.reader().transcripts(Source(path)):
                count += sum(1 for _ in one_of.entries()) if isinstance(one_of, Transcript) else 1
        yield "read_us", (time.perf_counter() - began) / max(count, 1) * 1e6
    if found.offer.writer is not None:
        yield "write_us", asyncio.run(_writing(found)) / _LONG * 1e6


async def _writing(found: Tested) -> float:
    store, session = await _talked(_Remembered(), _LONG)
    began = time.perf_counter()
    async for _ in export(store, session, found.offer.name, formats=_formats(found)):
        pass
    return time.perf_counter() - began


_OTHERS = {
    "claude-code": b'{"type":"user","uuid":"u1","sessionId":"s","message":{"role":"user","content":"hello"}}\n',
    "openai": b'{"role":"user","content":"hello"}\n',
    "nothing": b"\n",
    "words": b"Some words,\nand others.\n",
    "bytes": bytes(range(256)),
}


def _spoiled(whole: bytes) -> dict[str, bytes]:
    """A sample that was cut, glued, and written into."""
    middle = len(whole) // 2
    lines = whole.splitlines(keepends=True)
    at = len(lines) // 2
    return {
        "cut": whole[:middle],
        "holed": whole[:middle] + b"\xff\x00\xfe" + whole[middle + 1 :],
        "between": b"".join([*lines[:at], b'{"no": "record"}\n', b"no line of it\n", *lines[at:]]),
        "numbers": whole.replace(b'"', b"7", 9),
        "empty": b"",
        "nulls": whole.replace(b"{", b'{"a":null,"b":[],"c":{},', 3),
    }


def _reads(tested: Tested, samples: Sequence[Path]) -> None:
    if tested.offer.reader is None:
        pytest.skip("the format is not read")
    assert samples, "an offer with a reader has samples: files of the format, for this kit"


def _writes(tested: Tested) -> None:
    if tested.offer.writer is None:
        pytest.skip("the format is not written")


def _imported(tested: Tested, path: Path, times: int = 1) -> list[FileReport]:
    """A file imported into a new store, so many times."""
    reports: list[FileReport] = []

    async def body() -> None:
        target = StoreTarget(_store(_Remembered()))
        choices = Choices("kit", format=tested.offer.name, formats=_formats(tested))
        reports.extend([await import_file(target, path, choices) for _ in range(times)])

    _run(body)
    return reports


async def _talked(storage: _Remembered, count: int) -> tuple[Store, str]:
    """A session of ``count`` messages; each has a word of its own."""
    store = _store(storage)
    session = await store.create(owner="kit", title="A talk")
    for start in range(0, count, _PAGE):
        numbers = range(start, min(start + _PAGE, count))
        roles = ("user", "assistant")
        said = [{"role": roles[number % 2], "content": f"word{number}- and more"} for number in numbers]
        await store.append(session.id, said)
    return store, session.id


async def _said(store: Store, session: str) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in await store.history(session)]
