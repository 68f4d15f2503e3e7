"""Backups that are made side by side in one folder, where one of them is stopped at a bad moment."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from holdall.errors import SettingsError
from holdall.transfer.archive import shelf, writing
from holdall.transfer.archive.writing import Writing

pytestmark = [pytest.mark.covers("ST-14"), pytest.mark.covers("OP-15")]
MADE = 1_700_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / shelf.name_of(MADE)


def when_made(monkeypatch: pytest.MonkeyPatch, then: Any) -> None:
    """Do something when a temporary file is there and not locked yet, the first time."""
    made: list[int] = []

    def opening(*how: Any) -> int:
        made.append(os.open(*how))
        if len(made) == 1:
            then(Path(how[0]))
        return made[-1]

    monkeypatch.setattr(shelf, "os", type("System", (), {**vars(os), "open": staticmethod(opening)}))


def test_one_who_was_stopped_with_a_new_file_in_its_hands_keeps_no_backup_waiting(path, monkeypatch):
    kept: list[int] = []

    def look(temporary: Path) -> None:
        kept.append(os.open(temporary, os.O_RDONLY))
        fcntl.flock(kept[0], fcntl.LOCK_EX | fcntl.LOCK_NB)

    when_made(monkeypatch, look)
    with Writing(path, MADE) as archive:
        archive.finish()
    os.close(kept[0])
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_new_file_that_another_backup_took_for_left_behind_is_made_again(path, monkeypatch):
    swept: list[Path] = []
    when_made(monkeypatch, lambda _: swept.extend(shelf.swept(path)))
    with Writing(path, MADE) as archive:
        assert len(swept) == 1
        assert shelf.swept(path) == []
        archive.finish()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_one_who_was_stopped_before_it_gave_its_archive_the_name_replaces_none(path, monkeypatch):
    with Writing(path, MADE) as archive, monkeypatch.context() as patch:
        patch.setattr(Path, "exists", lambda _: path.write_bytes(b"another's") and False)  # comes when it has looked
        patch.setattr(writing.os, "fsync", lambda _: path.exists())
        with pytest.raises(SettingsError, match="meanwhile"):
            archive.finish()
    assert path.read_bytes() == b"another's"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_system_without_second_names_takes_archives(path, monkeypatch):
    def refused(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with Writing(path, MADE) as archive:
        archive.finish()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    path.unlink()
    with Writing(path, MADE) as archive:
        path.write_bytes(b"another's")
        with pytest.raises(SettingsError, match="meanwhile"):
            archive.finish()
    assert path.read_bytes() == b"another's"
