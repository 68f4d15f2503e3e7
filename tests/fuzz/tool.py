"""The fuzzer's configuration, its command, and what it says at the end."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Told", "fuzz"]

_CHECKS = """\
# A cursor of ours, a version that still stands, a branch that can go: no schema can say that, so a request that the
# schema finds no fault with may be refused. How, the document says, and that is checked.
[checks.positive_data_acceptance]
enabled = false

# A request that breaks the schema may be too large as well, or come too late, and is refused for that: what is asked of
# the version is looked at before the content (RFC 9110, 13.2.1).
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 422, 428, 429]

# The session is there; the branch that the request names may not be.
[[operations]]
include-path = "/api/sessions/{session}/export"
[operations.checks.ensure_resource_availability]
enabled = false

# It may erase the whole session, which a sequence of requests takes for being there: only a DELETE is known to do that.
[[operations]]
include-path = "/api/sessions/{session}/purge"
[operations.phases.stateful]
enabled = false

"""
_GENERATED = re.compile(r"^ +(\d+) generated\b", re.MULTILINE)
_TESTED = re.compile(r"^ +Tested: (\d+)", re.MULTILINE)
_FINDING = re.compile(r"^- (.+)$", re.MULTILINE)
_IN_QUERIES = {"branch": "branch", "before": "message", "after": "message", "under": "message"}
"""Parameters of queries by the names of what they take, half of the time."""


class Told(NamedTuple):
    """What the fuzzer did, and everything that it printed."""

    cases: int
    """How many requests were made up."""
    operations: int
    """How many operations they were of."""
    findings: list[str]
    """What was wrong with answers."""
    well: bool
    """Whether all answers were as described."""
    output: str


def fuzz(
    command: str,
    folder: Path,
    document: str,
    *,
    url: str,
    token: str,
    known: Mapping[str, Sequence[str]],
    examples: int,
    seed: int,
    only: str | None = None,
) -> Told:
    """Run the fuzzer on the OpenAPI ``document``, an address or a file, against the server at ``url``."""
    config = folder / "schemathesis.toml"
    config.write_text(_configuration(known))
    argv = [command, "--config-file", str(config), "run", document, "--url", url, "--seed", str(seed), "--no-color"]
    argv += ["--max-examples", str(examples), "--header", f"Authorization:Bearer {token}", "--continue-on-failure"]
    argv += ["--include-path", only] if only is not None else []
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=3000, env=os.environ, check=False)
    cases, operations = (sum(map(int, words.findall(done.stdout))) for words in (_GENERATED, _TESTED))
    return Told(cases, operations, _FINDING.findall(done.stdout), done.returncode == 0, done.stdout + done.stderr)


def _configuration(known: Mapping[str, Sequence[str]]) -> str:
    """TOML: which answers are right, and ids of what is really there, which are taken most of the time."""
    lines = [_CHECKS]
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(list(values))}", ""]
    lines += ["[parameters]"]
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in known]
    lines += [f'"query.{name}" = {{ dictionary = "{of}", probability = 0.5 }}' for name, of in _IN_QUERIES.items()]
    return "\n".join(lines) + "\n"
