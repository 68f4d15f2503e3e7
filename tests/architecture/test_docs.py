"""The documentation is true: generated pages are up to date, links lead somewhere, names exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from holdall.plugins import CLASSES, Plugins, installed
from holdall.sessions.names import LANES, is_lane
from holdall.testing.kinds import one
from tests.directory import KINDS, packages, reports
from tests.generate import PAGES, ROOT, cited
from tests.hooks_pages import HOOKS, SHAPES, described, signature
from tests.matrix.cells import BACKENDS, MATRIX, NONE, asked
from tests.matrix.page import proofs

READMES = (path for pattern in ("*/*/README.md", "contrib/adapters/*/README.md") for path in sorted(ROOT.glob(pattern)))
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *READMES]
INSTALLED = {plugin.name for plugin in installed()}
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
    table, proved = tomllib.loads((ROOT / "docs/features.toml").read_text()), cited()
    assert [name for name, row in table.items() if "where" in row and name not in proved] == []


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_page_with_its_signature_and_two_examples(hook: str) -> None:
    """Who calls it, when, what it may raise; its signature is the code's, and two files really implement it."""
    page = ROOT / f"docs/hooks/{hook}.md"
    text = page.read_text()
    assert f"\n{signature(hook)}\n" in text
    assert all(described(kind) in text for kind in SHAPES[hook])
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [
        "Signature", "Who calls it, and when", "What it may raise", "Two that exist",
    ]  # fmt: skip
    examples = [page.parent / target for target in LINK.findall(text.split("## Two that exist")[1])]
    assert len({path for path in examples if path.suffix == ".py" and f"def {hook}(" in path.read_text()}) >= 2
    assert f"[{hook}]({hook}.md)" in (ROOT / "docs/hooks/README.md").read_text()


def test_the_tutorial_is_the_file_that_is_tested() -> None:
    """The Python of docs/plugins.md, put together, is docs/examples/shelf.py, to the letter; under 100 lines."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/plugins.md").read_text(), re.DOTALL)
    code = (ROOT / "docs/examples/shelf.py").read_text()
    assert [line for line in "".join(blocks).splitlines() if line] == [line for line in code.splitlines() if line]
    assert len(code.splitlines()) < 100


def test_the_directory_is_of_plugins_that_are_here_and_claim_what_it_says() -> None:
    """Each of our own plugins has a report, of a kit that it passed, and what was claimed then is claimed now."""
    told = {report["plugin"] for report in reports()}
    own = {name for name, (home, _) in packages().items() if home.parts[0] == "plugins"}
    assert {name for name in own if _kinds(name) & set(KINDS)} <= told <= set(packages())
    for report in reports():
        found = one(report["kind"], report["plugin"]) if report["plugin"] in INSTALLED else None
        assert report["counts"]["failed"] == 0
        if found is None:
            continue
        assert (report["contract"], report["summary"]) == (found.offer.contract, found.offer.summary)
        if report["kind"] == "storage":
            abilities = found.offer.abilities
            told = {"durability": abilities.durability.label, "shared": abilities.shared}
            assert report["abilities"]["claimed"] == told


def _kinds(plugin: str) -> set[str]:
    """What kinds of things a plugin of ours offers."""
    plugins = Plugins()
    plugins.load(plugin)
    return {kind for offer in plugins.offers() for kind, name in CLASSES.items() if type(offer).__name__ == name}


def test_the_lanes_that_the_page_names_are_those_that_may_be_named() -> None:
    """In ``[compression] skip``, where one that no session has is refused: a new lane is in the page and in ``LANES``."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = re.search(r"\| lane \| records \|\n\|---\|---\|\n((?:\|.*\n)+)", page)
    assert table
    cells = [line.split("|")[1] for line in table[1].splitlines()]
    named = {re.sub("<.*>", "x", name) for cell in cells for name in re.findall("`([^`]+)`", cell)}
    assert {name for name in named if not is_lane(name)} == set()
    assert {name for name in named if not name.endswith("x")} == LANES


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
