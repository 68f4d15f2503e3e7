"""Writes the generated pages of the documentation: ``python -m tests.generate`` (``--check`` only says what differs)."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.directory import directory
from tests.formats_page import formats
from tests.hooks_pages import pages as hook_pages
from tests.matrix.page import faults
from tests.settings_page import settings

ROOT = Path(__file__).resolve().parents[1]
CITED = re.compile(r"\b((?:ST|LC|CV|PC|SE|API|OP|PL|XX|QA)-\d\d)\b")
TITLES = {
    "ST": "Session storage",
    "LC": "Session lifecycle",
    "CV": "Conversation history",
    "PC": "Project context",
    "SE": "Security",
    "API": "HTTP endpoints",
    "OP": "Performance and monitoring",
    "PL": "Plugin framework",
    "XX": "Beyond the field",
    "QA": "Tests that must exist",
}


def cited() -> dict[str, list[str]]:
    """By id, the test files that cite it."""
    found: dict[str, set[str]] = {}
    for pattern in ("core/tests", "core/src/holdall/testing", "plugins", "contrib", "server/tests", "tests"):
        for path in (ROOT / pattern).rglob("*.py"):
            if path.name == "generate.py":
                continue
            for feature in CITED.findall(path.read_text()):
                found.setdefault(feature, set()).add(path.relative_to(ROOT).as_posix())
    return {feature: sorted(paths) for feature, paths in found.items()}


def features() -> Iterator[str]:
    """The lines of docs/features.md."""
    table = tomllib.loads((ROOT / "docs/features.toml").read_text())
    tests = cited()
    yield "# Features"
    yield ""
    yield "Written by `make docs` from `features.toml` and from the tests that cite an id. A row without a place is not built yet."
    group = ""
    for feature, row in table.items():
        if feature.split("-")[0] != group:
            group = feature.split("-")[0]
            yield from (
                "",
                f"## {TITLES[group]}",
                "",
                "| id | capability | lives in | proved by |",
                "|---|---|---|---|",
            )
        proofs = (
            ", ".join(f"[{Path(path).name}](../{path})" for path in tests.get(feature, [])) if "where" in row else ""
        )
        yield f"| {feature} | {row['capability']} | {row.get('where', '')} | {proofs} |"


PAGES = {
    "docs/features.md": features,
    "docs/faults.md": faults,
    "docs/directory.md": directory,
    "docs/formats.md": formats,
    "docs/settings.md": settings,
    **hook_pages(),
}


def main(arguments: list[str]) -> int:
    """Write each page that changed; 1 when ``--check`` finds one that did."""
    changed = []
    for name, make in PAGES.items():
        text, path = "\n".join(make()) + "\n", ROOT / name
        if not path.is_file() or path.read_text() != text:
            changed.append(name)
            if "--check" not in arguments:
                path.write_text(text)
    for name in changed:
        print(f"{name} {'is out of date: run make docs' if '--check' in arguments else 'written'}")
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
