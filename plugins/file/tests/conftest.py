from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("told_disk")

Open = Callable[..., Awaitable[FileSessionStorage]]


@pytest.fixture
async def open_store(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens stores in one folder (or another), and closes them in the end."""
    stores: list[FileSessionStorage] = []

    async def opened(path: Path | None = None, **options: Any) -> FileSessionStorage:
        store = await FileSessionStorage.open(FileSettings(path=path or tmp_path / "store", **options))
        stores.append(store)
        return store

    yield opened
    for store in reversed(stores):
        await store.close()


@pytest.fixture
def log_of() -> Callable[..., Path]:
    """The log of a partition; without a name, of the only one."""

    def found(folder: Path, name: str | None = None) -> Path:
        from holdall_file.folder import digest_of, log_name  # noqa: PLC0415

        if name is not None:
            return folder / log_name(digest_of(name))
        (only,) = folder.glob("s/*/*.jsonl")
        return only

    return found


@pytest.fixture
def filled() -> Callable[..., Awaitable[None]]:
    """Puts a session with so many messages into a store, many to a commit."""

    async def fill(store: FileSessionStorage, name: str, count: int, each: int = 1) -> None:
        step = Step(name).append("session", b'{"title":"one"}').mark("recent", 1)
        commit = step.build()
        await store.commit(commit)
        head = commit.onto(None)
        for start in range(0, count, each):
            records = [b'{"n":%d}' % n for n in range(start, min(start + each, count))]
            commit = Step(head).append("messages/main", *records).mark("recent", start + 2).build()
            await store.commit(commit)
            head = commit.onto(head)

    return fill


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A disk whose syncs take as long as they are told."""
    from told_disk import Disk  # noqa: PLC0415 - found by the path that is set above

    return Disk(monkeypatch)
