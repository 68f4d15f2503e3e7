"""The documentation is true: generated pages are up to date, links lead somewhere, names exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from holdall.hooks import Specs
from tests.generate import PAGES, ROOT, cited
from tests.matrix.cells import BACKENDS, MATRIX, NONE, asked
from tests.matrix.page import proofs

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*/*/README.md"))]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    """``make docs`` would change nothing."""
    assert (ROOT / name).read_text() == "\n".join(PAGES[name]()) + "\n", "run make docs"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the checkout."""
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert broken == []


def test_every_built_feature_is_proved() -> None:
    """A feature that lives somewhere is cited by a test."""
    table = tomllib.loads((ROOT / "docs/features.toml").read_text())
    assert [name for name, row in table.items() if "where" in row and name not in cited()] == []


def test_every_hook_is_documented() -> None:
    """The hooks page or the contract page names each hook."""
    text = "".join(page.read_text() for page in DOCS)
    assert [name for name in vars(Specs) if name.startswith("holdall_") and name not in text] == []


def test_every_cell_of_the_fault_matrix_has_a_test() -> None:
    """What is on record is of tests that are there, asks what the matrix asks, and leaves no cell out."""
    ran = proofs()
    assert [each for each in ran if each.asks != asked(each.fault, each.backend)] == []
    names = {each.test.split("[")[0] for each in ran}
    there = {name for name in names if f"def {name.split('::')[1]}(" in (ROOT / name.split("::")[0]).read_text()}
    assert names == there
    wanted = {(fault, backend) for fault in MATRIX for backend in BACKENDS if asked(fault, backend) != NONE}
    assert {(each.fault, each.backend) for each in ran} == wanted
    assert [each for each in ran if each.outcome == "failed"] == []
