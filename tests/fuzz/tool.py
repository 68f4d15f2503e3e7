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

# A request that breaks the schema may be too large as well, and is refused for that.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 428, 429]

# The session is there; the branch that the request names may not be.
[[operations]]
include-path = "/api/sessions/{session}/export"
[operations.checks.ensure_resource_availability]
enabled = false

"""
_GENERATED = re.compile(r"^ +(\d+) generated\b", re.MULTILINE)


class Told(NamedTuple):
    """How many requests were made up, whether all answers were as described, and everything that was printed."""

    cases: int
    well: bool
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
    found = _GENERATED.findall(done.stdout)
    return Told(sum(map(int, found)), done.returncode == 0, done.stdout + done.stderr)


def _configuration(known: Mapping[str, Sequence[str]]) -> str:
    """TOML: which answers are right, and ids of what is really there, which are taken most of the time."""
    lines = [_CHECKS]
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(list(values))}", ""]
    lines += ["[parameters]"]
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in known]
    return "\n".join(lines) + "\n"
