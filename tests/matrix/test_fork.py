"""The process forks while a store is open: the child is told to open it again, and can; the parent goes on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.matrix.cells import cells
from tests.matrix.helping import child, settings

FORKING = """
import asyncio, holdall, json, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
CALLS = {
    "append": lambda store, session: store.append(session, [{"role": "user", "content": "child"}]),
    "create": lambda store, session: store.create(owner="ana"),
    "delete": lambda store, session: store.delete(session),
    "history": lambda store, session: store.history(session),
    "list": lambda store, session: store.list(owner="ana"),
}
async def said(store, session):
    return [item.text for item in await store.history(session)]
async def child(store, session):
    for name, call in CALLS.items():
        try:
            await call(store, session)
            print(name, "done", flush=True)
        except holdall.HoldallError as error:
            print(name, type(error).__name__, flush=True)
async def main():
    config = json.loads(sys.argv[1])
    async with holdall.open(config) as store:
        session = (await store.create(owner="ana")).id
        await store.append(session, [{"role": "user", "content": "before"}])
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.events._set_running_loop(None)
                asyncio.run(child(store, session))
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        await store.append(session, [{"role": "user", "content": "after"}])
        print("parent", await said(store, session), store.health(), len((await store.list(owner="ana")).items))
    if config["storage"]["use"] != "memory":
        async with holdall.open(config) as store:
            print("again", await said(store, session))
asyncio.run(main())
"""


@cells("fork after open", memory="T", file="T", diskcache="T", tinydb="T")
def test_matrix(backend: str, tmp_path: Path) -> None:
    """Every call in the child is refused by type, whatever the storage; nothing of it is in the parent's store."""
    ran = child(FORKING, json.dumps(settings(backend, tmp_path)), timeout=30)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    refused = [f"{call} StorageUnavailable" for call in ("append", "create", "delete", "history", "list")]
    assert lines[:5] == refused
    assert lines[5] == "parent ['before', 'after'] None 1"
    assert lines[6:] == ([] if backend == "memory" else ["again ['before', 'after']"])
