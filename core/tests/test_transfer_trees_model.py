"""Any tree, grown in any steps and written in any order, has its paths and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.trees import all_paths, bring, node, shown, talk

import holdall

pytestmark = pytest.mark.covers("CV-08", "CV-16")


TREES = st.lists(st.integers(-1, 14), min_size=1, max_size=14)
"""Of each node its parent: an earlier node, or with a number that is none before it, nothing."""


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, st.data())
async def test_any_tree_that_grows_anyhow_has_its_paths_and_no_others(
    tmp_path: Path, above: list[int], data: Any
) -> None:
    parents = [parent if 0 <= parent < at else None for at, parent in enumerate(above)]
    silent = data.draw(st.sets(st.integers(0, len(parents) - 1)), label="nodes without a message")
    sizes = sorted(data.draw(st.sets(st.integers(1, len(parents)), max_size=3), label="grown to") | {len(parents)})
    order = data.draw(st.permutations(range(len(parents))), label="the order in the file")
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as store:
        for size in sizes:
            current = data.draw(st.integers(0, size - 1), label="shown")
            kept = [at for at in order if at < size]
            nodes = (
                node(
                    f"n{at}", None if parents[at] is None else f"n{parents[at]}", said=None if at in silent else f"{at}"
                )
                for at in kept
            )
            report = await bring(store, tmp_path / "c.json", talk(f"n{current}", *nodes))
            assert report.clean
            found = await all_paths(store, report.sessions[0].session)
            assert [path for path in found if path] == sorted(set_of_paths(parents[:size], silent))
            if report.sessions[0].added["messages"]:
                told = [f"{at}" for at in way(parents, current) if at not in silent]
                assert not told or await shown(store, report.sessions[0].session) == told


def way(parents: list[int | None], at: int | None) -> list[int]:
    """A node and those before it, the first one first."""
    found: list[int] = []
    while at is not None:
        found.insert(0, at)
        at = parents[at]
    return found


def set_of_paths(parents: list[int | None], silent: set[int]) -> list[list[str]]:
    """What is said on the way to each message that nothing is said after."""
    ways = [[n for n in way(parents, at) if n not in silent] for at in range(len(parents)) if at not in silent]
    ends = [path for path in ways if not any(len(other) > len(path) and other[: len(path)] == path for other in ways)]
    return [[f"{at}" for at in path] for path in ends]
