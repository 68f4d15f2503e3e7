"""Writes are interrupted, or write less than they were asked to: nobody notices, and every byte is there."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

import holdall
from holdall.codecs import Codec
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import child, missing, settings

FAULT = "short write, EINTR"
LETTERS = {"file": "R", "diskcache": "R", "tinydb": "R"}
WRITER = """
import asyncio, holdall, json, sys
async def main():
    async with holdall.open(json.loads(sys.argv[1])) as store:
        session = await store.get_or_create(owner="ana", key="one")
        for n in range(20):
            await session.append([{"role": "user", "content": f"{n} " + "x" * 5000}])
            print("ok", n, flush=True)
        print("health", store.health(), file=sys.stderr)
asyncio.run(main())
"""
SHIM = """
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static int cut;
static size_t half(int fd, size_t size) {
    struct stat about;
    if (size < 2 || fstat(fd, &about) || !S_ISREG(about.st_mode)) return size;
    __sync_fetch_and_add(&cut, 1);
    return size - size / 2;
}
ssize_t write(int fd, const void *data, size_t size) { return syscall(SYS_write, fd, data, half(fd, size)); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return syscall(SYS_pwrite64, fd, data, half(fd, size), at);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }
__attribute__((destructor)) static void told(void) { dprintf(2, "cut %d\\n", cut); }
"""
"""Between the program and the system: a file takes only half of what it is given."""


async def everything_is_there(config: dict[str, object]) -> None:
    async with holdall.open(config) as store:
        session = await store.get_or_create(owner="ana", key="one")
        kept = [item.text.split()[0] for item in await session.history(limit=100)]
        assert kept == [str(n) for n in range(20)]
        assert store.health() is None
        assert (await verify(store.engine.storage, Codec())).problems == []


def all_acknowledged(stdout: str) -> bool:
    return [line for line in stdout.splitlines() if line.startswith("ok")] == [f"ok {n}" for n in range(20)]


@cells(FAULT, **LETTERS)
@pytest.mark.parametrize("call", ["write", "pwrite64"])
async def test_interrupted(backend: str, call: str, tmp_path: Path) -> None:
    """Every third call of every thread is interrupted by a signal before it has written anything."""
    if shutil.which("strace") is None:
        missing("strace")
    config = settings(backend, tmp_path)
    log = tmp_path / "calls"
    before = ("strace", "-f", "-qq", "-y", "-s", "0", "-o", str(log), "-e", f"trace={call}", "-e", "signal=none")
    inject = ("-e", f"inject={call}:error=EINTR:when=2+3")
    ran = child(WRITER, json.dumps(config), before=(*before, *inject))
    assert all_acknowledged(ran.stdout), ran.stderr
    assert "health None" in ran.stderr
    met = [line for line in log.read_text().splitlines() if "EINTR" in line and str(tmp_path / "store") in line]
    if (backend, call) in {("file", "write"), ("file", "pwrite64"), ("diskcache", "pwrite64"), ("tinydb", "write")}:
        assert met, "no write of the store was interrupted: the fault was not there"
    await everything_is_there(config)


@cells(FAULT, **LETTERS)
async def test_short(backend: str, tmp_path: Path) -> None:
    """Every write to a file writes half of what it was given, from the first one of an empty store on."""
    if (compiler := shutil.which("cc")) is None:
        missing("a C compiler")
    source, shim = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    made = await asyncio.to_thread(
        subprocess.run, [compiler, "-shared", "-fPIC", "-o", str(shim), str(source)], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    config = settings(backend, tmp_path)
    ran = child(WRITER, json.dumps(config), before=("env", f"LD_PRELOAD={shim}"))
    assert all_acknowledged(ran.stdout), ran.stderr
    assert "health None" in ran.stderr
    cut = [int(line.split()[1]) for line in ran.stderr.splitlines() if line.startswith("cut")]
    assert max(cut) > 20, "no write was cut short: the fault was not there"
    await everything_is_there(config)
