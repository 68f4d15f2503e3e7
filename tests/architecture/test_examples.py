"""The Python in the documentation runs, and prints what the page says it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generate import ROOT

BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
PAGES = [ROOT / "README.md", ROOT / "docs/guide.md", ROOT / "docs/hooks/README.md", ROOT / "docs/versioning.md"]
EXAMPLES = [(page, match) for page in PAGES for match in BLOCK.finditer(page.read_text())]


@pytest.mark.parametrize(("page", "match"), EXAMPLES, ids=lambda value: value.name if isinstance(value, Path) else "")
def test_the_example_runs(page: Path, match: re.Match[str]) -> None:
    """A python block runs; a text block behind it is its output."""
    code, output = match.groups()
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == (output or "")
