"""The directory of plugins, from reports of the kit: ``python -m tests.directory`` runs it, docs/directory.md shows it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chat_service import chat_url
from tests.servers import postgres, quick_folder, valkey

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "docs/benchmarks/kit.json"
HOMES = ("plugins", "contrib")
SERVERS = {"postgres": ("DSN", postgres), "valkey": ("URL", valkey), "openai": ("URL", chat_url)}
"""What names each server in the environment, and what starts it."""
KINDS = {
    "storage": "Storages",
    "compressor": "Compressors",
    "cipher": "Ciphers",
    "cache policy": "Cache policies",
    "compactor": "Compactors",
    "summariser": "Summarisers",
    "tokenizer": "Tokenizers",
    "search index": "Search indexes",
    "format": "Formats",
}
HEAD = """\
# Directory of plugins

Written by `make docs` from what the conformance kit found (`make directory` runs it; {date}, Holdall {holdall}, Python
{python}). Being here means that a plugin passed the kit on that day, and no more: read what its own page says.

*Claims* is what a plugin says of itself, *verified* what the kit could show of it. That a storage survives a power cut can
be shown by `holdall plugin test NAME --crash cut` alone: what it found of Holdall's own is in
[what was tried to break them](benchmarks/reliability.md). To be added, send the entry point, one line, and the report of
`holdall plugin test NAME --report report.json`.
"""


def packages() -> dict[str, tuple[Path, dict[str, Any]]]:
    """Where each plugin of this checkout lives, and its ``[project]``, by its name."""
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for home in HOMES:
        for path in sorted((ROOT / home).glob("*/pyproject.toml")):
            project = tomllib.loads(path.read_text())["project"]
            for name in project.get("entry-points", {}).get("holdall", {}):
                found[name] = (path.parent.relative_to(ROOT), project)
    return found


def reports() -> list[dict[str, Any]]:
    """What the kit found, a report for each plugin."""
    return json.loads(REPORTS.read_text())["reports"]


def directory() -> Iterator[str]:
    """The lines of docs/directory.md."""
    kept = json.loads(REPORTS.read_text())
    first = kept["reports"][0]
    yield from HEAD.format(date=kept["date"], holdall=first["holdall"], python=first["python"]).split("\n")[:-1]
    for kind, title in KINDS.items():
        rows = [_row(report) for report in kept["reports"] if report["kind"] == kind]
        if rows:
            head = ("plugin", "what it is", "to get it", "claims", "verified", "kit")
            yield from ("", f"## {title}", "", f"| {' | '.join(head)} |", "|---|---|---|---|---|---|", *rows)


def _row(report: dict[str, Any]) -> str:
    home, project = packages()[report["plugin"]]
    counts, abilities = report["counts"], report["abilities"]
    cells = (
        f"[`{report['plugin']}`](../{home}) {report['version']}",
        report["summary"],
        f"`pip install {project['name']}`",
        _words(abilities["claimed"]),
        _words(abilities["verified"]),
        f"contract {report['contract']}: {counts['passed']} passed, {counts['skipped']} do not apply",
    )
    return f"| {' | '.join(cells)} |"


def _words(abilities: dict[str, Any]) -> str:
    if "durability" in abilities:
        return f"durability {abilities['durability']}, {'shared' if abilities['shared'] else 'one process'}"
    return ", ".join(name.replace("_", " ") for name, held in abilities.items() if held) or "nothing"


def main(names: list[str]) -> int:
    """Run the kit for ``names``, or for every plugin, and keep what it found. A plugin that fails is told and not kept."""
    names = names or [*packages()]
    with contextlib.ExitStack() as stack:
        _serve(stack, names)
        failed = [name for name in names if not _tested(name)]
    return 1 if failed else 0


def _serve(stack: contextlib.ExitStack, names: list[str]) -> None:
    """Start the servers that plugins of ``names`` need; their sandboxes find them in the environment."""
    for name, (what, serving) in SERVERS.items():
        if name in names:
            folder = stack.enter_context(quick_folder())
            os.environ[f"HOLDALL_{name.upper()}_{what}"] = stack.enter_context(serving(folder / name))


def _tested(name: str) -> bool:
    """Run the kit for one, and keep what it found."""
    words = [sys.executable, "-m", "holdall.cli", "plugin", "test", name, "--json", "--", "-q"]
    done = subprocess.run(words, capture_output=True, text=True)
    print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
    if done.returncode == 0:
        _keep(json.loads(done.stdout))
    return done.returncode == 0


def _keep(report: dict[str, Any]) -> None:
    """Put ``report`` in the place of the plugin's last one."""
    name = report["plugin"]
    kept = {each["plugin"]: each for each in reports()} if REPORTS.is_file() else {}
    kept[name] = {**report, "summary": _summary(name, report["kind"])}
    ordered = [kept[name] for name in packages() if name in kept]
    document = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "reports": ordered}
    REPORTS.write_text(json.dumps(document, indent=1) + "\n")


def _summary(name: str, kind: str) -> str:
    words = [sys.executable, "-m", "holdall.cli", "plugins", name, "--json"]
    offers = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return next(offer["summary"] for offer in offers if offer["kind"] == kind)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
