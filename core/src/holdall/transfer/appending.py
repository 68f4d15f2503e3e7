"""One transcript on its way into its session: what is new is appended, tool runs end when their results arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdall.errors import Invalid
from holdall.formats.records import Entry, Fault, Result, Run, Transcript
from holdall.formats.values import json_of, text_of
from holdall.sessions.names import MAIN, tool_run_id
from holdall.transfer.batches import Batch, Built, branch_of, key_of, size_of
from holdall.transfer.growing import Growing
from holdall.transfer.matching import Seen, by_content, by_order
from holdall.transfer.refusals import lessen, mend
from holdall.transfer.report import SessionReport
from holdall.transfer.starting import Starting
from holdall.transfer.targets import Place, Target

__all__ = ["Appending"]

_SMALL = 4096
"""The most bytes of a result that are repeated in the tool run; larger ones are in the message only."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A tool run that is stored and has not ended."""

    id: str
    started_at: int | None


class Appending:
    """Takes the entries of one transcript in order."""

    def __init__(self, target: Target, place: Place, report: SessionReport) -> None:
        self.report = report
        self._target = target
        self._place = place
        self._seen: Seen = by_order(place)
        self._growing: Growing | None = None
        """For a conversation that branches."""
        self._careful = False
        self._batch = Batch()
        self._waiting: dict[str, Run] = {}
        """Runs in the batch that have not ended, by call."""
        self._running: dict[str, _Open] = {}
        """The same of the runs that are stored."""
        self._starting = Starting(target, report)
        self._ends: list[tuple[_Open, Result, int]] = []
        """Those that ended meanwhile, with the line that says so."""

    async def prepare(self, transcript: Transcript) -> None:
        """Learn what the session has."""
        self._careful = transcript.matching == "order"
        if not self._careful:
            self._seen = await by_content(self._place, self._target.originals(self._place))
        if transcript.matching == "nodes":
            self._growing = Growing(self._target, self._place, self.report)
        if self._place.new:
            return
        if self._growing is not None:
            await self._growing.prepare(self._place)
        async for page in self._target.runs(self._place, "running"):
            for run in page:
                if run.get("call"):
                    self._running[run["call"]] = _Open(run["id"], run.get("started_at"))

    async def take(self, entry: Entry | Fault) -> None:
        """Deal with one line of the transcript."""
        if isinstance(entry, Fault):
            self.report.faults.append(entry)
            return
        self.report.records += 1
        self.report.kinds[entry.kind] += 1
        self.report.calls += len(entry.runs)
        new = self._unknown(entry)
        if new is not None and self._seen.gaps.take(entry):
            self.report.kept_out += 1
            return  # what it says of tools is kept out with it
        if new is None:
            self.report.present += 1
        else:
            await self._add(new)
        for result in entry.results:
            self._end(result, entry.line)

    async def again(self) -> bool:
        """Whether the transcript has to be read once more: what refers to what comes later is linked to it here."""
        return False

    async def done(self, transcript: Transcript) -> SessionReport:
        """Store what still waits; end the session if the transcript says that it had ended."""
        await self._flush()
        if self._growing is not None:
            self._place = await self._growing.show(self._place, transcript.about.current)
        if transcript.about.ended is not None and not self._place.ended:
            await self._target.end(self._place, transcript.about.ended or None)
        return self.report

    def _unknown(self, entry: Entry) -> Entry | None:
        """What of ``entry`` the session does not have; ``None``: it has all."""
        if self._growing is None:
            return None if self._seen.has(entry) else entry
        if self._seen.gaps.has_item(entry.node):
            self._growing.keep_out(entry, self._seen.gaps)
            return entry
        return self._growing.unknown(entry, kept=entry.original is None or self._seen.has(entry))

    async def _add(self, entry: Entry) -> None:
        if entry.note is not None:
            self.report.faults.append(entry.fault(entry.note))
        if entry.message is None and entry.original is None and not entry.runs:
            return
        if self._growing is not None and entry.message is not None and not self._growing.joins(entry):
            if self._growing.waiting:
                await self._flush()
            self._place = await self._growing.aim(entry, self._place)
        size = size_of(entry)
        branch = branch_of(entry)
        if branch not in (None, MAIN, *self._place.branches):
            await self._flush()  # what started it may be in it
            self._place = await self._starting.started(self._place, entry)
        if not self._batch.fits(size, entry):
            await self._flush()
        self._batch.add(size, entry)
        if self._growing is not None:
            self._growing.waits(entry)
        for run in entry.runs:
            if run.fields.get("status") == "running" and run.fields.get("call"):
                self._waiting[run.fields["call"]] = run

    def _end(self, result: Result, line: int) -> None:
        run = self._waiting.pop(result.call, None)
        if run is not None:
            run.fields.update(_ended(result, run.fields.get("started_at")))
        elif result.call in self._running:
            self._ends.append((self._running.pop(result.call), result, line))

    async def _flush(self) -> None:
        """Store the batch, then the ends of runs that were stored before."""
        batch, self._batch = self._batch, Batch()
        entries = list(batch.entries)
        await self._store(batch.entries)
        if self._growing is not None:
            self._growing.settled(entries)
        for run, result, line in self._ends:
            try:
                await self._target.finish(self._place, run.id, _ended(result, run.started_at))
            except Invalid as refused:
                self.report.faults.append(Fault(line, f"the end of {run.id} was not logged: {refused}"))
            else:
                self.report.finished += 1
        if self._ends:
            self._ends = []
            self._place = await self._target.look(self._place)

    async def _store(self, entries: list[Entry]) -> None:
        """Store ``entries``, without whatever of them is refused."""
        while entries:
            built = Built.of(entries, self._place)
            try:
                await self._append(built)
            except Invalid as refused:
                # Where records are known again by counting them, only what keeps its place may be made smaller.
                mended = not self._careful or refused.pointer.startswith("/originals/")
                fault = _mended(built, entries, refused) if mended else None
                if fault is not None:
                    self.report.faults.append(fault)
                elif len(entries) > 1:
                    await self._store(entries[: len(entries) // 2])
                    entries = entries[len(entries) // 2 :]
                else:
                    raise Invalid(f"line {entries[0].line}: {refused}") from None
            else:
                return

    async def _append(self, built: Built) -> None:
        request, place = built.request, self._place
        if not len(request):
            return
        self._place = await self._target.append(place, request, key_of(place, request))
        if self._growing is not None:
            self._growing.stored(place, request.branch, built.messages)
        for name in ("messages", "tools", "originals"):
            self.report.added[name] += len(getattr(request, name))
        self._starting.learn(request.tools)
        for index, (_, run) in enumerate(built.tools):
            call = run.fields.get("call")
            if run.fields.get("status") == "running" and call and self._waiting.pop(call, None) is not None:
                self._running[call] = _Open(tool_run_id(place.tools.stop + index), run.fields.get("started_at"))


def _mended(built: Built, entries: list[Entry], refused: Invalid) -> Fault | None:
    return mend(built, refused) or (lessen(entries[0], refused) if len(entries) == 1 else None)


def _ended(result: Result, started_at: int | None) -> Mapping[str, Any]:
    """The fields of ``ToolRunEnd``; the result itself only when it is small."""
    end: dict[str, Any] = {"status": "failed" if result.failed else "succeeded", "duration_ms": None}
    if result.at is not None and started_at is not None:
        end["duration_ms"] = max(result.at - started_at, 0)
    content = json_of(result.content)
    if content is not None and len(msgspec.json.encode(content)) <= _SMALL:
        end["result"] = content
        if result.failed:
            end["error"] = text_of(content) or None
    return end
