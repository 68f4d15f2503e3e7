"""The capability report: what a plugin claims, what of it was verified, and what it costs."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pytest

from holdall.contract import Abilities, Durability
from holdall.testing.kinds import Tested

__all__ = ["Recorder", "Report"]

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run of the kit found out about one plugin."""

    plugin: str
    kind: str
    version: str
    contract: int
    claimed: Values
    verified: Values
    counts: dict[str, int]
    numbers: Values
    """What it costs here; the names say the units."""
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "plugin": self.plugin,
            "kind": self.kind,
            "version": self.version,
            "contract": self.contract,
            "abilities": {"claimed": dict(self.claimed), "verified": dict(self.verified)},
            "counts": self.counts,
            "numbers": dict(self.numbers),
            "notes": self.notes,
            "python": platform.python_version(),
            "holdall": version("holdall"),
        }

    def table(self) -> str:
        """As text."""
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        rows = [("", "claimed", "verified")]
        rows += [(name, _word(claim), _word(self.verified[name])) for name, claim in self.claimed.items()]
        lines = [f"{self.plugin} {self.version}, a {self.kind} for contract {self.contract}: {counts}"]
        lines += [f"  {name:<12}{claim:<12}{verified}".rstrip() for name, claim, verified in rows]
        if self.numbers:
            lines.append("  here: " + ", ".join(f"{name} {value:g}" for name, value in self.numbers.items()))
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _word(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@dataclass(eq=False, slots=True)
class Recorder:
    """A pytest plugin that keeps the outcome of every test."""

    found: Tested
    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    verifies: dict[str, str] = field(default_factory=dict[str, str])
    steps: int = 0
    """Random steps that were compared with the model."""

    def pytest_configure(self) -> None:
        """Say which plugin the suite is for; it is imported here, where pytest can make its asserts explain themselves."""
        from holdall.testing import suite  # noqa: PLC0415 - see above

        for name in suite.__all__:
            tests = getattr(suite, name)
            tests.plugin, tests.plugin_file = self.found.plugin, self.found.file

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

    @property
    def failed(self) -> bool:
        """Whether any test did."""
        return "failed" in self.outcomes.values()

    def report(self, numbers: Callable[[Tested], Values]) -> Report:
        """What was found out; ``numbers`` are of a plugin that failed nothing."""
        outcomes = list(self.outcomes.values())
        counts = {word: outcomes.count(word) for word in ("passed", "failed", "skipped")}
        claimed, verified, notes = self._storage() if self.found.kind == "storage" else self._promises()
        costs: Values = {} if self.failed or not outcomes else numbers(self.found)
        about = self.found.plugin, self.found.kind, self.found.version, self.found.offer.contract
        return Report(*about, claimed, verified, counts, costs, notes)

    def _storage(self) -> tuple[Values, Values, list[str]]:
        claimed: Abilities = self.found.offer.abilities
        durability = min(claimed.durability, Durability.PROCESS) if self._held("durability") else Durability.NONE
        notes = [f"{self.steps} random steps compared with the model"] if self.steps else []
        if claimed.durability is Durability.POWER:
            notes.append(f"power: verified only by the crash tool ({self._crash_tool()})")
        if not claimed.shared and self._held("shared"):
            notes.append("not shared: a second opener is refused, verified")
        verified = Abilities(durability, claimed.shared and self._held("shared"))
        return _plain(claimed), _plain(verified), notes

    def _promises(self) -> tuple[Values, Values, list[str]]:
        """Of other kinds, whoever offers one promises everything that the kit asks of it."""
        asked = dict.fromkeys(self.verifies.values(), False)
        for test, name in self.verifies.items():
            asked[name] |= self.outcomes.get(test) != "skipped"
        return asked, {name: self._held(name) for name in asked}, []

    def _crash_tool(self) -> str:
        """The command that cuts the power under this plugin."""
        file = [] if self.found.file is None else ["--plugin-file", self.found.file]
        return shlex.join(["holdall", "plugin", "test", self.found.plugin, *file, "--crash", "cut"])

    def _held(self, ability: str) -> bool:
        """Whether a claim was tested, and every test of it passed."""
        about = [self.outcomes.get(test, "") for test, verified in self.verifies.items() if verified == ability]
        return "passed" in about and not {"failed", ""} & set(about)


def _plain(abilities: Abilities) -> Values:
    return {"durability": abilities.durability.label, "shared": abilities.shared}
