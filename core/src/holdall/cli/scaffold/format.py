"""SUMMARY."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from holdall import hookimpl
from holdall.formats.kinds import Reader, Writer
from holdall.formats.records import About, Entry, Fault, Transcript
from holdall.formats.sources import Source
from holdall.formats.walking import Walk
from holdall.hooks import FormatOffer

__all__ = ["MykindReader", "holdall_formats", "write"]

# CHANGE 1: what a file looks like; until then a line is a message, such as ``user: "hello"``. What is JSON is had from
# ``source.records()``.
LINE = re.compile(r'(\w+): (".*")')


class MykindReader:
    """Makes sessions of a file. It raises nothing for what is in it."""

    def knows(self, source: Source) -> int | None:
        """The first line that shows the file to be of this format; ``None``: it isn't."""
        # CHANGE 2: look at the beginning only, and be strict: files of other formats are not yours.
        number, text = next(source.lines(), (0, ""))
        return number if LINE.fullmatch(text) else None

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        """The sessions in a file."""
        # CHANGE 3: one for each. ``About(id=…)`` is the name by which a longer copy of a session is known again.
        yield Transcript(About(), lambda: _entries(source))


def _entries(source: Source) -> Iterator[Entry | Fault]:
    # CHANGE 4: every record of the file, with what it says as a message or as tool runs; and what cannot be read.
    for number, text in source.lines():
        match = LINE.fullmatch(text)
        try:
            said = json.loads(match[2]) if match else None
        except ValueError:
            said = None
        if match is None or said is None:
            yield Fault(number, 'is not ROLE: "TEXT"')
        else:
            yield Entry(number, "line", text, {"role": match[1], "content": said})


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """Write a session, a page at a time."""
    # CHANGE 5: what a message has besides its text is in ``message.raw`` and ``message.get(…)``; the session is in
    # ``walk.session``. Hold no more than a page.
    async for page in walk.messages():
        yield "".join(f"{each.role}: {json.dumps(each.text, ensure_ascii=False)}\n" for each in page).encode()


def _reader() -> Reader:
    return MykindReader()


def _writer() -> Writer:
    return write


def _samples(folder: Path) -> list[Path]:
    # CHANGE 6: files for the kit; the real ones that you have are the best.
    sample = folder / "sample.txt"
    sample.write_text('user: "is it up?"\nassistant: "It is."\n', encoding="utf-8")
    return [sample]


@hookimpl
def holdall_formats() -> list[FormatOffer]:
    """Offer it as ``mykind``."""
    # CHANGE 7: a format that is only read has no ``writer``, one that is only written no ``reader``.
    return [
        FormatOffer(
            "mykind",
            "SUMMARY",
            reader=_reader,
            writer=_writer,
            media_type="text/plain; charset=utf-8",
            suffix=".txt",
            contract=1,
            samples=_samples,
        )
    ]
