"""Chat logs as a format: a line is `2026-03-01 10:00 ana: hello`. What the assistant says is said by `assistant`."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from holdall import hookimpl
from holdall.formats.kinds import Reader, Writer
from holdall.formats.records import About, Entry, Fault, Transcript
from holdall.formats.sources import Source
from holdall.formats.walking import Walk
from holdall.hooks import FormatOffer

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) (\w+): (.*)")
TIME = "%Y-%m-%d %H:%M"


class Log:
    def knows(self, source: Source) -> int | None:
        first = next(source.lines(), (0, ""))
        return first[0] if LINE.fullmatch(first[1]) else None

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        yield Transcript(About(), lambda: entries(source))


def entries(source: Source) -> Iterator[Entry | Fault]:
    for number, text in source.lines():
        match = LINE.fullmatch(text)
        if match is None:
            yield Fault(number, "is not TIME NAME: TEXT")
            continue
        at = int(datetime.strptime(match[1], TIME).replace(tzinfo=UTC).timestamp() * 1000)
        role = "assistant" if match[2] == "assistant" else "user"
        message = {"role": role, "name": match[2], "content": match[3], "created_at": at}
        yield Entry(number, "line", text, message)


async def write(walk: Walk) -> AsyncIterator[bytes]:
    async for page in walk.messages():
        for message in page:
            at = datetime.fromtimestamp(message.created_at / 1000, UTC).strftime(TIME)
            said = " ".join(message.text.split())
            yield f"{at} {message.get('name') or message.role}: {said}\n".encode()


def reader() -> Reader:
    return Log()


def writer() -> Writer:
    return write


def samples(folder: Path) -> Iterable[Path]:
    log = folder / "site.log"
    log.write_text("2026-03-01 10:00 ana: is it up?\n2026-03-01 10:01 assistant: It is.\n")
    return [log]


@hookimpl
def holdall_formats() -> Iterable[FormatOffer]:
    return [
        FormatOffer("chatlog", "chat logs, a line a message", reader, writer, "text/plain", ".log", samples=samples)
    ]
