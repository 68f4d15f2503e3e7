"""What an import did, for people and for scripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from holdall.formats.records import Fault

__all__ = ["FileReport", "SessionReport"]


@dataclass(slots=True)
class SessionReport:
    """What came into one session."""

    format: str
    session: str = ""
    new: bool = False
    records: int = 0
    """Records that the transcript has, whether they were there before or not."""
    kinds: Counter[str] = field(default_factory=Counter[str])
    """The same by the transcript's own kinds."""
    calls: int = 0
    """Tool calls that the transcript has."""
    added: Counter[str] = field(default_factory=Counter[str])
    """What was stored now: ``messages``, ``tools``, ``originals``."""
    branches: int = 0
    """Branches that were begun."""
    finished: int = 0
    """Tool runs of earlier imports that this one finished."""
    present: int = 0
    """Records that were there before."""
    kept_out: int = 0
    """Records that were there before, and are redacted or purged: they are not brought back."""
    faults: list[Fault] = field(default_factory=list[Fault])

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        return {
            "session": self.session,
            "format": self.format,
            "new": self.new,
            "records": self.records,
            "kinds": dict(self.kinds),
            "calls": self.calls,
            "added": {name: self.added[name] for name in ("messages", "tools", "originals")},
            "branches": self.branches,
            "finished": self.finished,
            "present": self.present,
            "kept_out": self.kept_out,
        }


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    path: str
    sessions: list[SessionReport] = field(default_factory=list[SessionReport])
    faults: list[Fault] = field(default_factory=list[Fault])
    """Lines of which something was not kept."""
    error: str | None = None
    """Why the import of the file stopped, when it did."""

    @property
    def clean(self) -> bool:
        """Whether everything was kept."""
        return not self.faults and self.error is None

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        return {
            "path": self.path,
            "sessions": [session.as_dict() for session in self.sessions],
            "faults": [{"line": fault.line, "reason": fault.reason} for fault in self.faults],
            "error": self.error,
        }
