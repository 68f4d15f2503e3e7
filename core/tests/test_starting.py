"""A fresh process imports what it uses, and nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

import holdall

COLD = """
import asyncio, json, sys
import holdall

async def main(storage, session):
    async with holdall.open({"storage": storage, "sessions": {"sweep_every": 0}}) as store:
        if session is not None:
            assert len([message["content"] for message in await (await store.get(session)).history(limit=50)]) == 2
        else:
            assert (await store.list()).items == []

asyncio.run(main(*json.loads(sys.argv[1])))
print(*sorted({name.partition(".")[0] for name in sys.modules} | {name for name in sys.modules if "holdall" in name}))
"""
UNUSED = {"pydantic", "pydantic_core", "pydantic_settings", "jsonschema", "referencing", "sanic", "argparse", "email"}
ONLY_TO_WRITE = {"dataclasses", "copy", "random", "uuid_utils"}
NOT_TO_RESUME = {"sqlite3", "hashlib", "pathlib", "pluggy"}
ROOMS = {
    *(f"holdall.sessions.{name}" for name in ("appending", "inputs", "keys", "presence")),
    *("holdall.health", "holdall.specs"),
    *(f"holdall_file.{name}" for name in ("beginning", "catalog", "gather", "intents", "recovery", "wal", "writer")),
}
"""Of our own modules, such as a process that only reads a page needs least."""


async def written(storage: dict[str, Any]) -> str | None:
    """A session in a storage that keeps it, or ``None``."""
    if storage["use"] == "memory":
        return None
    async with holdall.open({"storage": storage}) as store:
        said = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
        return (await store.create(owner="ana", messages=said)).id


def test_a_process_that_reads_imports_only_its_backend(storage_options: dict[str, Any]) -> None:
    session = asyncio.run(written(storage_options))
    argument = json.dumps([storage_options, session])
    done = subprocess.run([sys.executable, "-c", COLD, argument], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("holdall_") and "." not in name} == {
        f"holdall_{storage_options['use']}"
    }
    if storage_options["use"] in ("memory", "file"):
        assert loaded & UNUSED == set()
    if storage_options["use"] == "file":
        assert loaded & (ONLY_TO_WRITE | NOT_TO_RESUME | ROOMS) == set()


@pytest.mark.parametrize("backend", ["memory", "file", "diskcache", "tinydb"])
def test_importing_a_backend_imports_no_other(backend: str) -> None:
    pytest.importorskip(f"holdall_{backend}")
    code = f"import sys, holdall_{backend}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in done.stdout.split() if name.startswith("holdall_")}
    assert found == {f"holdall_{backend}"}
