"""The system refuses: a read-only file system, no permission, no descriptor. It is said by type, and nothing is harmed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import holdall
from holdall.codecs import Codec
from holdall.errors import HoldallError, StorageError
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import child, missing, settings

FAULT = "read-only FS, EACCES, EMFILE"
LETTERS = {"file": "T+D", "diskcache": "T+D", "tinydb": "T+D"}


def system(*command: str, right: tuple[int, ...] = (0,)) -> None:
    """A command of the system, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in right, done.stderr


@contextmanager
def disk_that_fails(folder: Path) -> Iterator[Path]:
    """An ext4 of its own, which can be made to abort: it is read-only from then on, whatever is open."""
    image, root = folder / "disk.img", folder / "disk"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(32 << 20)
    for command in (("mkfs.ext4", "-qF", str(image)), ("mount", "-o", "loop", str(image), str(root))):
        if shutil.which(command[0]) is None or subprocess.run(command, capture_output=True).returncode:
            missing(f"the right to {command[0]} a loop device")
    try:
        yield root
    finally:
        system("umount", "-l", str(root))


async def filled(config: dict[str, object]) -> str:
    async with holdall.open(config) as store:
        session = await store.create(owner="ana")
        await session.append([{"role": "user", "content": "before"}])
    return session.id


async def unharmed(config: dict[str, object], session: str, *also: str) -> None:
    async with holdall.open(config) as store:
        assert store.health() is None
        assert (await verify(store.engine.storage, Codec())).problems == []
        kept = [item.text for item in await store.history(session)]
        assert [text for text in kept if text in ("before", *also)] == ["before", *also]
        await store.append(session, [{"role": "user", "content": "after"}])
        await store.create(owner="ana")


async def refused(store: holdall.Store, session: str) -> None:
    """Every write is refused, health says so, and what can be read is read."""
    try:
        for _ in range(3):
            with pytest.raises(StorageError):
                await store.append(session, [{"role": "user", "content": "lost"}])
        with pytest.raises(StorageError):
            await store.create(owner="ana")
        assert store.health() is not None
        assert [item.text for item in await store.history(session)] == ["before", "just before"]
    except StorageError as error:
        raise AssertionError("a read is refused, too") from error


@cells(FAULT, **LETTERS)
async def test_it_becomes_read_only(backend: str, tmp_path: Path) -> None:
    """As when a disk fails under a running store; once the disk is well again, a new opening has everything."""
    with disk_that_fails(tmp_path) as disk:
        (disk / "in").mkdir(mode=0o700)
        config = settings(backend, disk / "in")
        session = await filled(config)
        with suppress(StorageError):  # closing says that it could not bring the last bytes to the disk
            async with holdall.open(config) as store:
                await store.append(session, [{"role": "user", "content": "just before"}])
                system("mount", "-o", "remount,abort", str(disk))
                await refused(store, session)
        with pytest.raises(HoldallError):
            async with holdall.open(config) as store:
                await store.append(session, [{"role": "user", "content": "lost"}])
        system("umount", str(disk))
        system("e2fsck", "-fp", str(tmp_path / "disk.img"), right=(0, 1))
        system("mount", "-o", "loop", str(tmp_path / "disk.img"), str(disk))
        await unharmed(config, session, "just before")


USING = """
import asyncio, holdall, json, os, resource, sys
from pathlib import Path
from holdall.errors import HoldallError
config, session, how = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
store_at = Path(config["storage"]["options"]["path"])
async def tried(name, call):
    try:
        await call
        print(name, "done", flush=True)
    except HoldallError as error:
        print(name, "typed", type(error).__name__, error, flush=True)
def message(text):
    return [{"role": "user", "content": text}]
async def main():
    if how == "opening":
        async with holdall.open(config) as store:
            await store.append(session, message("denied"))
    async with holdall.open(config) as store:
        await store.append(session, message("let"))
        await store.create(owner="ana")  # what is imported when it is first used is there
        held = []
        if how == "descriptors":
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            while True:
                try:
                    held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    break
        else:
            for path in (*[p for p in store_at.rglob("*") if p.is_dir()], store_at):
                path.chmod(0o500)
        for _ in range(2):
            await tried("create", store.create(owner="ana"))
        print("health", store.health() is not None, flush=True)
        await tried("history", store.history(session))
        for fd in held:
            os.close(fd)
        for path in (store_at, *store_at.rglob("*")):
            path.is_dir() and path.chmod(0o700)
        await tried("again", store.create(owner="ana"))
        print("health", store.health() is not None, flush=True)
try:
    asyncio.run(main())
except HoldallError as error:
    print("opening", "typed", type(error).__name__, error, flush=True)
"""


def without_privilege() -> tuple[str, ...]:
    """What a program runs behind so that permissions count for it, as they do for anybody but root."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        missing("setpriv")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@cells(FAULT, **LETTERS)
async def test_no_permission_to_open(backend: str, tmp_path: Path) -> None:
    """Files that may not be written, then files that may not be read: said by type, and nothing is changed."""
    config = settings(backend, tmp_path)
    session = await filled(config)
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    kept = {path: (path.stat().st_mode & 0o777, path.read_bytes()) for path in files}
    for mode in (0,) if backend == "tinydb" else (0o400, 0):  # TinyDB's is replaced, not written to
        for path in files:
            path.chmod(mode)
        ran = child(USING, json.dumps(config), session, "opening", before=without_privilege())
        assert ran.stdout.startswith("opening typed"), ran.stdout + ran.stderr
        for path, (normal, _) in kept.items():
            path.chmod(normal)
    assert all(path.read_bytes() == data for path, (_, data) in kept.items())
    await unharmed(config, session)


@cells(FAULT, **LETTERS)
@pytest.mark.parametrize("how", ["permissions", "descriptors"])
async def test_refused_while_open(backend: str, how: str, tmp_path: Path) -> None:
    """What the store had open serves on; what it must open is refused by type, said by health, and works afterwards."""
    config = settings(backend, tmp_path)
    session = await filled(config)
    before = without_privilege() if how == "permissions" else ()
    ran = child(USING, json.dumps(config), session, how, before=before)
    words = [line.split()[:2] for line in ran.stdout.splitlines()]
    assert words[3:] == [["history", "done"], ["again", "done"], ["health", "False"]], ran.stdout + ran.stderr
    if backend == "diskcache":  # it has everything open that it needs
        assert words[:3] == [["create", "done"], ["create", "done"], ["health", "False"]]
    else:
        assert words[:3] == [["create", "typed"], ["create", "typed"], ["health", "True"]]
    await unharmed(config, session, "let")
