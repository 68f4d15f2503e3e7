"""Loading, keeping and dropping one partition."""

from __future__ import annotations

import pytest

from holdall.contract import Span
from holdall.errors import Conflict
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import BORN, Step

__all__ = ["VerbCases"]

MEBIBYTE = 1 << 20


class VerbCases(Cases):
    """The verbs, one partition at a time."""

    @case
    async def test_absent(self, bench: Bench) -> None:
        """``load``: one moment of a partition, "or ``None`` when there is none"."""
        assert await bench.store.load("nobody", Span("a")) is None
        await bench.put(Step("somebody").append("a", b"1"))
        assert await bench.store.load("nobody") is None

    @case
    async def test_head(self, bench: Bench) -> None:
        """A head is what was committed: version, changed, expires_at, lanes, marks."""
        step = Step("p").append("a", b"1", b"2").start("b", 7, b"3").mark("m", 5).mark("n", -5)
        await bench.put(step.expires(1_900_000_000_000))
        await bench.agrees("p")

    @case
    async def test_head_without_anything(self, bench: Bench) -> None:
        """A partition may have no lanes, no marks and no expiry; a lane may be empty."""
        await bench.put(Step("bare"), Step("hollow").append("a").start("b", 3))
        await bench.agrees("bare", "hollow")

    @case
    async def test_changed_is_not_version(self, bench: Bench) -> None:
        """Housekeeping moves ``version`` but not ``changed``."""
        await bench.put(Step("p").append("a", b"1"))
        await bench.put(bench.onto("p").append("sealed", b"2").quietly())
        assert bench.model.heads["p"].changed == BORN
        await bench.agrees("p")

    @case
    async def test_expiry_is_kept(self, bench: Bench) -> None:
        """``expires_at`` is always the new value; a storage never acts on it, even when it is long past."""
        await bench.put(Step("p").append("a", b"1").expires(1))
        await bench.agrees("p")
        await bench.put(bench.onto("p").expires(4_102_444_800_000))
        await bench.agrees("p")
        await bench.put(bench.onto("p").expires(None))
        await bench.agrees("p")

    @case
    async def test_bytes_exactly(self, bench: Bench) -> None:
        """A storage never interprets record bytes: every value of a byte, alone and at either end, comes back."""
        every = bytes(range(256))
        awkward = [b"", b"\0", b"\n", b"\r\n", b" x ", b'{"a":1}', b'{"a": 1}', b"null", b"\xff\xfe", b"\xc3\x28"]
        framed = [bytes([n]) + b"middle" + bytes([n]) for n in range(256)]
        await bench.put(Step("p").append("a", every, every[::-1], *awkward, *framed))
        await bench.agrees("p")

    @case
    async def test_text_like_bytes(self, bench: Bench) -> None:
        """A storage never interprets record bytes: JSON, base64 or text that it could rewrite comes back as it was."""
        alike = [
            b"1.0",
            b"1e2",
            b'"\\u00e9"',
            '"é"'.encode(),
            b'{"b":1,"a":2}',
            b'{"a":1,"a":2}',
            b"NaN",
            b"aGk=",
            b" 1",
        ]
        await bench.put(Step("p").append("a", *alike, '"\u2028"'.encode(), b'"\\ud800"', b"[" * 2000 + b"]" * 2000))
        await bench.agrees("p")

    @case
    async def test_a_mebibyte(self, bench: Bench) -> None:
        """A record is "at most 1 MiB": one of exactly that size is kept."""
        await bench.put(Step("p").append("a", bytes(range(256)) * (MEBIBYTE // 256), b"after"))
        await bench.agrees("p")

    @case
    async def test_sizes(self, bench: Bench) -> None:
        """Records of all sizes are kept, so that no limit inside the storage goes unseen."""
        sizes = [1, 255, 256, 4095, 4096, 32767, 32768, 32769, 65535, 65536, 300_000]
        await bench.put(*(Step(f"p{size}").append("a", b"\x7f" * size) for size in sizes))
        await bench.agrees(*(f"p{size}" for size in sizes))

    @case
    async def test_partitions_are_apart(self, bench: Bench) -> None:
        """A commit is one step on one partition: no other changes."""
        await bench.put(*(Step(f"p{n}").append("a", b"%d" % n).mark("m", n) for n in range(12)))
        await bench.put(bench.onto("p2").rewrite("a", 0, b"new").append("a", b"more").mark("m", None))
        await bench.drop("p1")
        await bench.agrees(*(f"p{n}" for n in range(12)))

    @case
    async def test_drop(self, bench: Bench) -> None:
        """``drop`` removes a partition."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1), Step("q").append("a", b"2").mark("m", 1))
        await bench.drop("p")
        await bench.agrees("p", "q")

    @case
    async def test_drop_of_another_version(self, bench: Bench) -> None:
        """``drop`` removes "a partition whose version is ``expect``; or raise ``Conflict``"."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1))
        await bench.put(bench.onto("p").append("a", b"2"))
        for wrong in (0, BORN, BORN + 2):
            with pytest.raises(Conflict):
                await bench.store.drop("p", expect=wrong)
        await bench.agrees("p")

    @case
    async def test_drop_of_nothing(self, bench: Bench) -> None:
        """``drop`` of a partition that is not there is a ``Conflict``."""
        with pytest.raises(Conflict):
            await bench.store.drop("nobody", expect=BORN)
        await bench.put(Step("p"))
        await bench.drop("p")
        with pytest.raises(Conflict):
            await bench.store.drop("p", expect=BORN)

    @case
    async def test_created_again(self, bench: Bench) -> None:
        """A dropped partition leaves nothing behind: its name begins again with other lanes, marks and records."""
        await bench.put(Step("p").append("a", b"1", b"2").append("b", b"3").mark("m", 1).mark("n", 2).expires(9))
        await bench.drop("p")
        await bench.put(Step("p", version=BORN + 1000).append("a", b"new").mark("m", 3))
        await bench.agrees("p")
        await bench.put(bench.onto("p").append("a", b"newer").append("b", b"newest"))
        await bench.agrees("p")
