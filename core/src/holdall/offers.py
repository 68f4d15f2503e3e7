"""The offers of what a store may use besides a storage: apart, because most stores use none.

Everybody imports them from ``holdall.hooks``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from msgspec import Struct
    from pydantic import BaseModel

    from holdall.caching import CachePolicy
    from holdall.codecs import Compressor
    from holdall.formats.kinds import Reader
    from holdall.formats.walking import Walk
    from holdall.sealing.kinds import Cipher
    from holdall.searching import BlockingSearchIndex, SearchIndex
    from holdall.sessions.compaction.kinds import Compactor, Tokenizer
    from holdall.sessions.summaries.kinds import Summariser

    AnyIndex = SearchIndex | BlockingSearchIndex

__all__ = [
    "CachePolicyOffer",
    "CipherOffer",
    "CompactorOffer",
    "CompressorOffer",
    "FormatOffer",
    "KeySource",
    "KeySourceOffer",
    "SearchOffer",
    "SummariserOffer",
    "TokenizerOffer",
]

S = TypeVar("S", bound="Struct | BaseModel")


def defaults(_: Path) -> Mapping[str, Any]:
    """The options that the conformance kit uses where an offer names none: every default."""
    return {}


def nothing(_: Path) -> Iterable[Path]:
    """No samples: the conformance kit tests no reader."""
    return ()


@dataclass(frozen=True, slots=True)
class CompressorOffer(Generic[S]):
    """A kind of compressor that can be named in ``[compression] use``. ``tag`` is written into each record."""

    name: str
    summary: str
    tag: int
    settings: type[S]
    open: Callable[[S], Compressor]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder."""


@dataclass(frozen=True, slots=True)
class CipherOffer(Generic[S]):
    """A kind of cipher that can be named in ``[encryption] use``. ``tag`` is written into each record.

    Data keys are the core's: it makes one for each session, has it wrapped by the key source, and stores it.
    """

    name: str
    summary: str
    tag: int
    settings: type[S]
    open: Callable[[S], Cipher]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder and brings keys of its own."""


@dataclass(frozen=True, slots=True)
class CachePolicyOffer(Generic[S]):
    """A kind of cache policy that can be named in ``[cache] policy``."""

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], CachePolicy]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder."""


class KeySource(Protocol):
    """Wraps and unwraps data keys; asynchronous, so that a key service fits.

    Several calls may be on their way at once. No key may be in a ``repr``, an error or a log.
    """

    async def wrap(self, key: bytes) -> tuple[str, bytes]:
        """The id of the current wrapping key, and ``key`` wrapped by it. The id is stored, and shown to operators."""
        ...

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key; raises ``CodecError`` when the wrapping key is not there."""
        ...


@dataclass(frozen=True, slots=True)
class KeySourceOffer(Generic[S]):
    """A place that keys come from, which can be named in ``[encryption.keys] use``."""

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], KeySource | Coroutine[Any, Any, KeySource]]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder, and in which what they name may be written."""


@dataclass(frozen=True, slots=True)
class FormatOffer:
    """A form that sessions come in, leave in, or both. It has no options; it is used by its name, or known by content."""

    name: str
    summary: str
    reader: Callable[[], Reader] | None = None
    """Makes what reads it; called when something is imported. ``None``: it can't be imported."""
    writer: Callable[[], Callable[[Walk], AsyncIterator[bytes]]] | None = None
    """Makes the function that writes a session piece by piece; called when one is exported. ``None``: it can't be."""
    media_type: str = "application/x-ndjson"
    """Of an export, in HTTP."""
    suffix: str = ".jsonl"
    """Of the name of a file with an export."""
    every: bool = False
    """Whether it can write all of a session's branches, one stretch of the walk after the other, and not only one."""
    contract: int = 1
    samples: Callable[[Path], Iterable[Path]] = nothing
    """Makes files to be imported in an empty folder, for the conformance kit."""


@dataclass(frozen=True, slots=True)
class TokenizerOffer(Generic[S]):
    """A kind of tokenizer that can be named in ``[tokenizer] use``."""

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], Tokenizer]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder."""


@dataclass(frozen=True, slots=True)
class CompactorOffer(Generic[S]):
    """A kind of compactor that can be named in ``[compaction] use``."""

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], Compactor]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder."""


@dataclass(frozen=True, slots=True)
class SummariserOffer(Generic[S]):
    """A kind of summariser that can be named in ``[summaries] use``."""

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], Summariser]
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for the conformance kit, which may use an empty folder."""


@dataclass(frozen=True, slots=True)
class SearchOffer(Generic[S]):
    """A kind of search index that can be named in ``[search] use``."""

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], AnyIndex | Coroutine[Any, Any, AnyIndex]]
    """Opens the index. Plain functions run on a thread of their own, the one all blocking calls come from."""
    contract: int = 1
    sandbox: Callable[[Path], Mapping[str, Any]] = defaults
    """Options for a fresh index inside an empty folder; the conformance kit opens it again and again."""
