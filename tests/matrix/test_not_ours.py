"""A file is emptied, cut short or somebody else's: that is said by type, nothing is shown in its place, nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdall
from holdall.errors import Damaged
from tests.matrix.cells import cells
from tests.matrix.helping import DATA, settings


@pytest.mark.parametrize("left", ["empty", "half", "foreign"])
@cells("file truncated / 0 bytes / not ours", file="T", diskcache="T", tinydb="T")
async def test_matrix(backend: str, left: str, tmp_path: Path) -> None:
    config = settings(backend, tmp_path)
    async with holdall.open(config) as store:
        session = await store.create(owner="ana", title="t")
        await session.append([{"role": "user", "content": "x" * 30_000}])
    (path,) = (tmp_path / "store").glob(DATA[backend])
    whole = path.read_bytes()
    content = {"empty": b"", "half": whole[: len(whole) // 2], "foreign": b"somebody else's\n" * 1000}[left]
    path.write_bytes(content)
    with pytest.raises(Damaged):
        async with holdall.open(config) as store:
            await store.history(session.id)
    assert path.read_bytes() == content
