"""The shape of the code: small rooms, short functions, one-way imports, nothing that can run stored bytes."""

from __future__ import annotations

import ast
import os
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for top in ("core/src", "plugins", "contrib", "server/src")
    for path in (ROOT / top).rglob("src/**/*.py" if top in ("plugins", "contrib") else "*.py")
)
SMALL_BACKENDS = ("memory", "diskcache", "tinydb")


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield (
                f"{path.relative_to(ROOT)}:{node.name}",
                (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0,
            )


def test_modules_are_small() -> None:
    """The median module is under 90 lines, and none is over 400."""
    sizes = {str(path.relative_to(ROOT)): lines(path) for path in SOURCES}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
    assert statistics.median(size for size in sizes.values() if size) < 90


def test_functions_are_short() -> None:
    """Nineteen of twenty functions fit into 35 lines, and none is over 60."""
    sizes = sorted((size, name) for path in SOURCES for name, size in functions(path))
    assert [item for item in sizes if item[0] > 60] == []
    assert sizes[int(len(sizes) * 0.95)][0] <= 35


@pytest.mark.covers("PL-02")
@pytest.mark.parametrize("backend", SMALL_BACKENDS)
def test_a_backend_is_small(backend: str) -> None:
    """Memory, diskcache and TinyDB take at most 150 lines each, settings and registration included."""
    assert sum(lines(path) for path in (ROOT / "plugins" / backend / "src").rglob("*.py")) <= 150


def test_imports_flow_one_way() -> None:
    """The import contracts of pyproject.toml hold."""
    result = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_adapters_stand_on_the_core_alone() -> None:
    """The import contracts of contrib/adapters hold, and each adapter is in them."""
    packages = {path.parent.name for path in (ROOT / "contrib/adapters").glob("*/src/*/__init__.py")}
    config = ROOT / "contrib/adapters/importlinter.toml"
    assert set(tomllib.loads(config.read_text())["tool"]["importlinter"]["root_packages"]) == packages | {"holdall"}
    paths = [*map(str, (ROOT / "contrib/adapters").glob("*/src")), os.environ.get("PYTHONPATH", "")]
    command = [Path(sys.executable).parent / "lint-imports", "--config", config]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.req("SEC-INP-05")
def test_nothing_can_run_stored_bytes() -> None:
    """No pickle, marshal, shelve, eval or exec anywhere in what is shipped."""
    found: list[str] = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                names = [node.func.id]
            bad = {"pickle", "marshal", "shelve", "dill", "eval", "exec"} & {name.split(".")[0] for name in names}
            found += [f"{path.relative_to(ROOT)}:{node.lineno} {name}" for name in sorted(bad)]
    assert found == []


def test_importing_the_core_imports_no_driver() -> None:
    """``import holdall`` and ``holdall --version`` load neither a backend, nor the server, nor pydantic."""
    code = "import sys, holdall; print(' '.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"pydantic", "sanic", "tinydb", "diskcache", "pluggy", "msgspec"} & set(loaded) == set()


@pytest.mark.parametrize("backend", ["memory", "file", "diskcache", "tinydb"])
def test_importing_one_backend_imports_no_other(backend: str) -> None:
    """Only what is named is loaded (PL-03)."""
    code = f"import sys, holdall.plugins as p; p.Plugins().storage({backend!r}); print(' '.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    others = {"memory", "file", "diskcache", "tinydb"} - {backend}
    assert {f"holdall_{other}" for other in others} & set(loaded) == set()
