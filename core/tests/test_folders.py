"""The folder of a storage is private and durable, or refused in one line."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from holdall.errors import SettingsError, StorageError, StorageFull, StorageUnavailable
from holdall.folders import Reserve, private_folder, typed
from holdall.folders.private import absolute


@pytest.mark.req("SEC-FS-01")
def test_a_new_folder_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


@pytest.mark.req("SEC-FS-01")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(SettingsError, match="writable by others; chmod 700"):
        private_folder(folder)


def test_a_folder_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "readable"
    folder.mkdir(0o755)
    assert private_folder(folder).stat().st_mode & 0o777 == 0o700


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="is a file"):
        private_folder(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    "path", ["./x", ".//x/", "x/./y", "", ".", "..", "a/../b", "/", "//x", "/a//b/./c/..", "~/x", "/x/~y"]
)
def test_a_path_is_made_absolute_as_pathlib_does_it(path: str) -> None:
    assert absolute(path) == absolute(Path(path)) == "/" + str(Path(path).expanduser().absolute()).lstrip("/")


def test_errors_are_typed_by_what_happened() -> None:
    assert isinstance(typed(OSError(errno.ENOSPC, "full"), "here"), StorageFull)
    assert type(typed(OSError(errno.EIO, "broken"), "here")) is StorageError
    stopped = sqlite3.OperationalError("locking protocol")
    stopped.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
    assert isinstance(typed(stopped, "here"), StorageUnavailable)


def test_a_reserve_is_looked_at_again_after_a_moment_and_at_once_when_it_is_given_up(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("holdall.folders.reserve.monotonic", lambda: now[0])
    reserve = Reserve(tmp_path, 4096)
    assert not reserve.lately_whole
    assert reserve.fill()
    assert reserve.lately_whole
    (tmp_path / "reserve").write_bytes(b"")  # another process gives it up
    assert reserve.lately_whole
    now[0] += 1
    assert not reserve.lately_whole
    assert reserve.fill()
    assert reserve.lately_whole
    assert reserve.give_up()
    assert not reserve.lately_whole
