"""Importing transcripts: in bounded steps, each once, so that a killed import is simply run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdall.errors import Conflict, HoldallError, Invalid
from holdall.formats.known import Formats
from holdall.formats.reading import transcripts
from holdall.formats.records import Entry, Fault, Transcript
from holdall.formats.values import json_of
from holdall.transfer.appending import Appending
from holdall.transfer.rebuilding import Rebuilding
from holdall.transfer.report import FileReport, SessionReport
from holdall.transfer.targets import Target, Wanted

__all__ = ["Choices", "import_file"]

_ATTEMPTS = 20
_KEY = 200


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever imports says about it."""

    owner: str | None = None
    """Whose the sessions become."""
    adopt: bool = True
    """Without ``owner``, let the transcript say whose its session is."""
    otherwise: str | None = None
    """Whose it becomes when nobody says."""
    format: str | None = None
    formats: Formats | None = None
    """Those that there are; by default the built-in ones."""
    new: bool = False
    """Make a new session, whatever was imported before."""
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of ``NewSession`` that replace the transcript's."""


async def import_file(
    target: Target, path: Path, choices: Choices, progress: Callable[[int], None] = lambda _: None
) -> FileReport:
    """Import every transcript in ``path``. What was imported before is known again and left alone.

    ``progress`` is told the number of each line that was dealt with. A refusal that concerns more than a line
    stops the file, not the caller: see ``FileReport.error``.
    """
    report = FileReport(str(path))
    try:
        for found in transcripts(path, choices.format, choices.formats):
            if isinstance(found, Fault):
                report.faults.append(found)
                continue
            done = await _import(target, found, choices, path, progress)
            report.sessions.append(done)
            report.faults += done.faults
    except (Invalid, Conflict) as error:
        report.error = str(error)
    except OSError as error:
        report.error = error.strerror or str(error)
    except HoldallError as error:
        if error.code not in ("ended", "refused", "forbidden"):
            raise
        report.error = str(error)
    return report


async def _import(
    target: Target, transcript: Transcript, choices: Choices, path: Path, progress: Callable[[int], None]
) -> SessionReport:
    """One transcript, from the start again whenever somebody else wrote to its session meanwhile."""
    wanted = _wanted(transcript, choices, path)
    for attempt in range(_ATTEMPTS):
        place = await target.open(wanted)
        kind = Appending if transcript.about.every is None else Rebuilding
        appending = kind(target, place, SessionReport(transcript.format, place.session, new=place.new))
        try:
            await appending.prepare(transcript)
            more = True
            while more:
                for entry in _told(transcript, progress):
                    await appending.take(entry)
                more = await appending.again()
            return await appending.done(transcript)
        except Conflict:
            # A new session has no name by which the next attempt would find it.
            if attempt == _ATTEMPTS - 1 or wanted.key is None:
                raise
    raise AssertionError("unreachable")


def _told(transcript: Transcript, progress: Callable[[int], None]) -> Iterator[Entry | Fault]:
    for entry in transcript.entries():
        yield entry
        progress(entry.line)


def _wanted(transcript: Transcript, choices: Choices, path: Path) -> Wanted:
    about = transcript.about
    name = about.id or path.name.removesuffix(".gz").removesuffix(".jsonl")
    key = about.key or f"{transcript.format}:{name}"[:_KEY]
    said = [about.fields, choices.fields]
    fields = {name: value for fields in said for name, value in fields.items() if value is not None}
    owner = choices.owner or (about.owner if choices.adopt else None) or choices.otherwise
    return Wanted(owner, None if choices.new else key, json_of(fields))
