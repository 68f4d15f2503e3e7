from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import holdall
from holdall.sessions.store import Store

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("html_shown")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened
