"""Another process, in which what was written here must be readable: ``python -m holdall.testing.elsewhere``."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdall.testing.kinds import Tested, one

__all__ = ["read_elsewhere"]

TIMEOUT = 60


def read_elsewhere(found: Tested, options: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """What a process that is started now reads in ``records``; each is what its kind takes, bytes in base64."""
    task = {"kind": found.kind, "plugin": found.plugin, "file": found.file, "options": options, "records": records}
    done = subprocess.run(
        [sys.executable, "-m", "holdall.testing.elsewhere"],
        input=json.dumps(task, default=str),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"another process could not read it: {done.stderr.strip().splitlines()[-1:]}"
    return [base64.b64decode(text) for text in json.loads(done.stdout)]


def _compressor(found: Tested, options: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    from holdall.testing.compressors import opened  # noqa: PLC0415 - needs pytest, as the kit does

    compressor = opened(found, options)
    return lambda record: compressor.decompress(base64.b64decode(record["data"]), record["limit"])


def _cipher(found: Tested, options: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    from holdall.testing.ciphers import Sealed, opened  # noqa: PLC0415 - as above

    cipher = opened(found, options)
    return lambda record: Sealed(base64.b64decode(record["data"]), base64.b64decode(record["context"])).read(cipher)


def _key_source(found: Tested, options: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    from holdall.testing.keys import opened  # noqa: PLC0415 - as above

    async def unwrapped(record: Mapping[str, Any]) -> bytes:
        source = await opened(found, options)
        return await source.unwrap(record["key_id"], base64.b64decode(record["data"]))

    return lambda record: asyncio.run(unwrapped(record))


_READERS = {"compressor": _compressor, "cipher": _cipher, "key source": _key_source}


def main() -> None:
    """Read what stands on the input, and print what was read."""
    task = json.load(sys.stdin)
    read = _READERS[task["kind"]](one(task["kind"], task["plugin"], task["file"]), task["options"])
    print(json.dumps([base64.b64encode(read(record)).decode() for record in task["records"]]))  # noqa: T201


if __name__ == "__main__":
    main()
