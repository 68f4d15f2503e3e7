from __future__ import annotations

import pytest

import holdall


@pytest.fixture(params=["memory", "file"])
async def store(request, tmp_path):
    options = {"path": str(tmp_path / "store")} if request.param == "file" else {}
    async with holdall.open({"storage": {"use": request.param, "options": options}}) as opened:
        yield opened
