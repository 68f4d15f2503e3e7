"""Where the keys come from: an environment variable, a file, or what a command prints."""

from __future__ import annotations

import asyncio
import os
import stat
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import IO, Annotated

from msgspec import Meta, Struct

from holdall.errors import SettingsError
from holdall_aesgcm.ring import Ring

__all__ = [
    "CommandKeys",
    "CommandSettings",
    "EnvironmentKeys",
    "EnvironmentSettings",
    "FileKeys",
    "FileSettings",
]

_MOST = 1 << 16
"""Bytes that the keys may take as text."""


class EnvironmentSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[encryption.keys.options]`` of ``env``."""

    variable: Annotated[
        str, Meta(min_length=1, description="The environment variable that holds the keys, the current one first.")
    ] = "HOLDALL_KEYS"


class FileSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[encryption.keys.options]`` of ``file``."""

    path: Annotated[
        Path, Meta(description="The file that holds the keys, the current one first; only its owner may read it.")
    ]


class CommandSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[encryption.keys.options]`` of ``command``."""

    command: Annotated[
        list[str],
        Meta(min_length=1, description="The program and its arguments; it prints the keys, the current one first."),
    ]
    timeout: Annotated[float, Meta(gt=0, description="Seconds that it may take.")] = 10


class _Keys:
    """Wraps and unwraps with a ring."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._ring!r})"

    async def wrap(self, key: bytes) -> tuple[str, bytes]:
        """See ``holdall.hooks.KeySource``."""
        return self._ring.wrap(key)

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """See ``holdall.hooks.KeySource``; a key that is not known is looked for once more where keys come from."""
        if key_id not in self._ring:
            self._ring = await self._again()
        return self._ring.unwrap(key_id, wrapped)

    async def _again(self) -> Ring:
        return self._ring


class EnvironmentKeys(_Keys):
    """Keys from an environment variable."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        text = os.environ.get(settings.variable)
        if text is None:
            raise SettingsError(f"encryption.keys: the environment variable {settings.variable} is not set")
        super().__init__(Ring(text, f"the environment variable {settings.variable}"))


class FileKeys(_Keys):
    """Keys from a file."""

    def __init__(self, settings: FileSettings) -> None:
        self._path = settings.path.expanduser()
        super().__init__(_read(self._path))

    async def _again(self) -> Ring:
        return _read(self._path)


class CommandKeys(_Keys):
    """Keys from a command: a secret manager's own, or what asks a key service."""

    def __init__(self, settings: CommandSettings, ring: Ring) -> None:
        self._settings = settings
        super().__init__(ring)

    @classmethod
    async def open(cls, settings: CommandSettings) -> CommandKeys:
        """Run the command once; raises ``SettingsError``, with nothing of what it printed."""
        return cls(settings, await _printed(settings))

    async def _again(self) -> Ring:
        return await _printed(self._settings)


def _read(path: Path) -> Ring:
    """The keys in a file; raises ``SettingsError`` when others may read it."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(_MOST + 1)
    except OSError as error:
        raise SettingsError(f"encryption.keys: {path}: {error.strerror}") from None
    if os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"encryption.keys: others may use {path}; chmod 600 it")
    return Ring(_text(data, str(path)), str(path))


async def _printed(settings: CommandSettings) -> Ring:
    program = settings.command[0]
    where = f"what {program!r} printed"
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb", buffering=0) as end:
        try:
            process = await asyncio.create_subprocess_exec(
                *settings.command, stdin=DEVNULL, stdout=theirs, stderr=DEVNULL
            )
        except OSError as error:
            raise SettingsError(f"encryption.keys: {program!r}: {error.strerror}") from None
        finally:
            os.close(theirs)
        try:
            async with asyncio.timeout(settings.timeout):
                data = await _bounded(end)
                if len(data) <= _MOST:
                    await process.wait()
        except TimeoutError:
            raise SettingsError(f"encryption.keys: {program!r} took more than {settings.timeout:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode and len(data) <= _MOST:
        raise SettingsError(f"encryption.keys: {program!r} failed with status {process.returncode}")
    return Ring(_text(data, where), where)


async def _bounded(end: IO[bytes]) -> bytes:
    """All that comes, or a little more than may come: the rest is left where it is.

    The pipe is ours, not asyncio's: until Python 3.12 that waits for the end of its own, too, which may never come to be
    read, or be held open by a process that outlives the one that was killed.
    """
    stream = asyncio.StreamReader(limit=_MOST)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), end)
    data = b""
    try:
        while len(data) <= _MOST and (more := await stream.read(_MOST)):
            data += more
    finally:
        transport.close()
    return data


def _text(data: bytes, where: str) -> str:
    if len(data) > _MOST:
        raise SettingsError(f"encryption.keys: {where} is more than {_MOST >> 10} KiB: these are no keys")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise SettingsError(f"encryption.keys: {where} is not plain text") from None
