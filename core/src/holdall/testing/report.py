"""The capability report: what a storage claims, and what of it was verified."""

from __future__ import annotations

import platform
import shlex
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pytest

from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer
from holdall.plugins import installed
from holdall.testing.opening import Subject

__all__ = ["Recorder", "Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run of the kit found out about one plugin."""

    plugin: str
    version: str
    contract: int
    claimed: Abilities
    verified: Abilities
    counts: dict[str, int]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "plugin": self.plugin,
            "version": self.version,
            "contract": self.contract,
            "abilities": {"claimed": _plain(self.claimed), "verified": _plain(self.verified)},
            "counts": self.counts,
            "notes": self.notes,
            "python": platform.python_version(),
            "holdall": version("holdall"),
        }

    def table(self) -> str:
        """As text."""
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        rows = [("", "claimed", "verified")]
        rows += [(name, str(claim), str(_plain(self.verified)[name])) for name, claim in _plain(self.claimed).items()]
        lines = [f"{self.plugin} {self.version}, contract {self.contract}: {counts}"]
        lines += [f"  {name:<12}{claim:<12}{verified}".rstrip() for name, claim, verified in rows]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _plain(abilities: Abilities) -> dict[str, Any]:
    return {"durability": abilities.durability.label, "shared": abilities.shared}


@dataclass(eq=False, slots=True)
class Recorder:
    """A pytest plugin that keeps the outcome of every test."""

    subject: Subject
    offer: StorageOffer[Any]
    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    verifies: dict[str, str] = field(default_factory=dict[str, str])
    steps: int = 0
    """Random steps that were compared with the model."""

    def pytest_configure(self) -> None:
        """Say which plugin the suite is for; it is imported here, where pytest can make its asserts explain themselves."""
        from holdall.testing.suite import TestStorage  # noqa: PLC0415 - see above

        TestStorage.plugin = self.subject.plugin
        TestStorage.plugin_file = self.subject.file

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which test verifies which claim."""
        for item in items:
            ability = getattr(getattr(item, "function", None), "verifies", None)
            if ability is not None:
                self.verifies[item.nodeid] = ability

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst outcome of a test's phases."""
        said = report.when == "call" or report.outcome != "passed"
        if said and self.outcomes.get(report.nodeid) != "failed":
            self.outcomes[report.nodeid] = report.outcome
        if report.when == "call":
            self.steps += sum(int(str(value)) for name, value in report.user_properties if name == "steps")

    def report(self) -> Report:
        """What was found out."""
        outcomes = list(self.outcomes.values())
        counts = {word: outcomes.count(word) for word in ("passed", "failed", "skipped")}
        claimed = self.offer.abilities
        durability = min(claimed.durability, Durability.PROCESS) if self._held("durability") else Durability.NONE
        notes = [f"{self.steps} random steps compared with the model"] if self.steps else []
        if claimed.durability is Durability.POWER:
            notes.append(f"power: verified only by the crash tool ({self._crash_tool()})")
        if not claimed.shared and self._held("shared"):
            notes.append("not shared: a second opener is refused, verified")
        verified = Abilities(durability, claimed.shared and self._held("shared"))
        return Report(self.subject.plugin, self._version(), self.offer.contract, claimed, verified, counts, notes)

    def _crash_tool(self) -> str:
        """The command that cuts the power under this plugin."""
        file = [] if self.subject.file is None else ["--plugin-file", self.subject.file]
        return shlex.join(["holdall", "plugin", "test", self.subject.plugin, *file, "--crash", "cut"])

    def _held(self, ability: str) -> bool:
        """Whether a claim was tested, and every test of it passed."""
        about = [self.outcomes.get(test, "") for test, verified in self.verifies.items() if verified == ability]
        return "passed" in about and not {"failed", ""} & set(about)

    def _version(self) -> str:
        if self.subject.file is not None:
            return "(a single file)"
        return next((one.version for one in installed() if one.name == self.subject.plugin), "?")
